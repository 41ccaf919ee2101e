using Dapper;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Federation;

internal static class Events
{
    /// <summary>What the account's record of events says.</summary>
    public static IReadOnlyList<(SecurityEventKind Kind, Actor Actor, string Detail)> Of(TestServer server, TestDevice device) =>
        server.Database.Read(c => c.Query<(long Kind, long Actor, string Detail)>(
                "SELECT kind, actor, detail FROM security_event WHERE account_id = @id ORDER BY seq", new { id = device.AccountId.ToByteArray(bigEndian: true) })
            .Select(e => ((SecurityEventKind)e.Kind, (Actor)e.Actor, e.Detail)).ToList());
}
