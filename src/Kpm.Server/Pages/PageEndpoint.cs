using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Kpm.Server.Pages;

/// <summary>
/// Serves one page. GET shows a form and never acts, since mail scanners follow links; POST acts. The token is in the link's query, for there is no script
/// that could read a fragment: so nothing here logs an address or a body, no page is cached, and no page tells another site where it was linked from.
/// </summary>
internal sealed class PageEndpoint(PageAct act, PageLayout layout, Limits limits, ILogger logger)
{
    private const string FormType = "application/x-www-form-urlencoded";

    private static readonly MinDataRate SlowestBody = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    public async Task HandleAsync(HttpContext http)
    {
        SetHeaders(http);
        var method = http.Request.Method;
        if (HttpMethods.IsPost(method))
        {
            await PostAsync(http);
        }
        else if (HttpMethods.IsGet(method) || HttpMethods.IsHead(method))
        {
            await GetAsync(http);
        }
        else
        {
            http.Response.Headers.Allow = "GET, HEAD, POST";
            http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        }
    }

    private static void SetHeaders(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = PageLayout.ContentSecurityPolicy;
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["X-Robots-Tag"] = "noindex";
        headers.Vary = "Accept-Language";
        if (http.Features.Get<ITlsHandshakeFeature>() is not null)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }
    }

    private Task GetAsync(HttpContext http)
    {
        var query = http.Request.Query;
        var words = PageWords.Choose(query["lang"].Count == 1 ? query["lang"][0] : null, http.Request.Headers.AcceptLanguage);
        var token = query["token"].Count == 1 && query["token"][0] is { } given && given.Length <= limits.PageFieldCharacters ? given : "";
        return WriteAsync(http, StatusCodes.Status200OK, words, layout.Form(words, act.Name, token, act.Fields, []));
    }

    private async Task PostAsync(HttpContext http)
    {
        if (await ReadFormAsync(http) is not { } form)
        {
            return;
        }

        var words = PageWords.Choose(form.GetValueOrDefault("lang"), http.Request.Headers.AcceptLanguage);
        var token = form.GetValueOrDefault("token", "");
        if (token.Length == 0 || act.Fields.Any(f => form.GetValueOrDefault(f.Name, "").Length == 0))
        {
            await WriteAsync(http, StatusCodes.Status400BadRequest, words, layout.Form(words, act.Name, token, act.Fields, [words.Of("incomplete")]));
            return;
        }

        var result = await act.ActAsync(new PageInput(http, token, form));
        if (result.Refusal is { } refusal)
        {
            await RefuseAsync(http, words, token, refusal);
            return;
        }

        Log.PageActed(logger, act.Name);
        var done = TextSections.Fill(words.Of(act.Name, result.Done), name => result.Values[name]);
        await WriteAsync(http, StatusCodes.Status200OK, words, layout.Message(words, words.Of(act.Name, "done_title"), done));
    }

    /// <summary>The fields of the form, each at most once; null where an answer has been given already.</summary>
    private async Task<IReadOnlyDictionary<string, string>?> ReadFormAsync(HttpContext http)
    {
        if (http.Request.ContentType?.Split(';')[0].Trim().Equals(FormType, StringComparison.OrdinalIgnoreCase) != true)
        {
            http.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return null;
        }

        // The server's own limits are for streams that have no end and may be idle.
        http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = limits.PageFormBytes;
        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate && HttpProtocol.IsHttp11(http.Request.Protocol))
        {
            rate.MinDataRate = SlowestBody;
        }

        try
        {
            var form = await http.Request.ReadFormAsync(new FormOptions { ValueCountLimit = 8, KeyLengthLimit = 64, ValueLengthLimit = limits.PageFormBytes }, http.RequestAborted);
            if (form.All(f => f.Value.Count == 1))
            {
                return form.ToDictionary(f => f.Key, f => f.Value[0] ?? "", StringComparer.Ordinal);
            }

            http.Response.StatusCode = StatusCodes.Status400BadRequest;
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException e)
        {
            http.Response.StatusCode = e.StatusCode;
        }
        catch (InvalidDataException)
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
        }

        return null;
    }

    private Task RefuseAsync(HttpContext http, PageWords words, string token, PageRefusal refusal)
    {
        if (refusal.RetryAfter is { } wait)
        {
            http.Response.Headers.RetryAfter = Seconds(wait).ToString(CultureInfo.InvariantCulture);
        }

        var (status, name, again) = refusal.Reason switch
        {
            "PASSWORD_REJECTED" => (StatusCodes.Status422UnprocessableEntity, "", true),
            "WRONG_CREDENTIALS" => (StatusCodes.Status403Forbidden, "wrong_password", true),
            "RATE_LIMITED" => (StatusCodes.Status429TooManyRequests, "rate_limited", true),
            "UNAVAILABLE" => (StatusCodes.Status503ServiceUnavailable, "unavailable", true),
            "INVALID_REQUEST" when refusal.Fields.All(f => f.Field != "token") => (StatusCodes.Status400BadRequest, "", true),
            "ACTIVATION_INVALID" or "TOKEN_INVALID" or "INVALID_REQUEST" => (StatusCodes.Status410Gone, "token_invalid", false),
            "ALREADY_ACTIVATED" => (StatusCodes.Status410Gone, "already_activated", false),
            "EMAIL_IN_USE" => (StatusCodes.Status409Conflict, "email_in_use", false),
            "ACCOUNT_SUSPENDED" => (StatusCodes.Status403Forbidden, "suspended", false),
            "CASE_NOT_OPEN" => (StatusCodes.Status410Gone, "not_open", false),
            _ => (StatusCodes.Status500InternalServerError, "failed", true),
        };
        string[] problems = name.Length == 0
            ? [.. refusal.Fields.Select(f => words.Of(words.Has(f.Reason) ? f.Reason : "failed"))]
            : [TextSections.Fill(words.Of(name), _ => Wait(words, refusal.RetryAfter ?? TimeSpan.Zero))];
        return WriteAsync(http, status, words, again
            ? layout.Form(words, act.Name, token, act.Fields, problems)
            : layout.Message(words, words.Of(act.Name, "title"), null, problems[0]));
    }

    private static string Wait(PageWords words, TimeSpan wait)
    {
        var seconds = Seconds(wait);
        return TextSections.Fill(words.Of(seconds < 120 ? "seconds" : "minutes"), _ => (seconds < 120 ? seconds : (seconds + 59) / 60).ToString(CultureInfo.InvariantCulture));
    }

    private static int Seconds(TimeSpan wait) => Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));

    private static async Task WriteAsync(HttpContext http, int status, PageWords words, string html)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.ContentLanguage = words.Language;
        var bytes = Encoding.UTF8.GetBytes(html);
        http.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
        }
    }
}
