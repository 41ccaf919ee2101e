using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>Adds what OpenTelemetry's conventions say of an rpc to the activity that hosting keeps for the request.</summary>
internal static class Diagnostics
{
    public static void CallEnded(HttpContext http, StatusCode status)
    {
        if (System.Diagnostics.Activity.Current is null || http.Features.Get<IHttpActivityFeature>()?.Activity is not { IsAllDataRequested: true } activity)
        {
            return;
        }

        var method = http.Request.Path.Value!;
        var code = ((int)status).ToString(CultureInfo.InvariantCulture);
        activity.SetTag("grpc.method", method);
        activity.SetTag("grpc.status_code", code);
        activity.SetTag("rpc.system", "grpc");
        var slash = method.LastIndexOf('/');
        activity.SetTag("rpc.service", method[1..Math.Max(slash, 1)]);
        activity.SetTag("rpc.method", method[(slash + 1)..]);
        activity.SetTag("rpc.grpc.status_code", (int)status);
    }
}
