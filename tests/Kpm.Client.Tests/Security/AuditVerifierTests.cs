using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Client.Security;
using Kpm.V1;

namespace Kpm.Client.Tests.Security;

public sealed class AuditVerifierTests
{
    private static readonly Guid Account = Guid.Parse("0190b3a0-0000-7000-8000-000000000001");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>An export as the server makes it; the change is made to each event before it is hashed.</summary>
    private static List<string> Export(int count, Action<SecurityEvent>? change = null)
    {
        var lines = new List<string>
        {
            AccountExport.ToLine(new ExportAccountDataResponse { Account = new Account { AccountId = Account.ToString("D"), Email = "ada@example.com", State = AccountState.Active } }),
            AccountExport.ToLine(new ExportAccountDataResponse { Consent = new ConsentRecord { Given = true, TextVersion = "1", Source = "CreateAccount kpm-cli" } }),
        };
        var head = new byte[AuditChain.HashSize];
        for (var seq = 1; seq <= count; seq++)
        {
            var happened = new SecurityEvent
            {
                Seq = (ulong)seq,
                Time = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_000 + (seq * 1000) + (seq % 3))),
                Kind = (SecurityEventKind)(1 + (seq % 20)),
                Actor = seq % 2 == 0 ? Actor.Session : Actor.Server,
                DeviceId = seq % 2 == 0 ? "0190b3a0-0000-7000-8000-0000000000dd" : "",
                Detail = seq % 4 == 0 ? "name=Küche \"<&>\"; from=kpm-cli" : "",
            };
            change?.Invoke(happened);
            head = AuditChain.HashOf(head, Account, happened);
            happened.Hash = ByteString.CopyFrom(head);
            lines.Add(AccountExport.ToLine(new ExportAccountDataResponse { Event = happened }));
        }

        lines.Add(AccountExport.ToLine(new ExportAccountDataResponse { End = new ExportEnd { EventCount = (ulong)count, HeadHash = ByteString.CopyFrom(head) } }));
        return lines;
    }

    private static async Task<AuditFinding> VerifyAsync(IEnumerable<string> lines, AuditFinding? earlier = null)
    {
        using var reader = new StringReader(string.Join('\n', lines));
        return await AuditVerifier.VerifyAsync(reader, earlier, Cancellation);
    }

    private static async Task FailsAsync(IEnumerable<string> lines, int line, string problem, AuditFinding? earlier = null)
    {
        var finding = await VerifyAsync(lines, earlier);
        Assert.Equal((line, true), (finding.Line, finding.Problem?.Contains(problem, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_hash_is_the_one_of_the_contract()
    {
        // Computed apart from this code: sha256 over the layout of security.proto, by hand in Python.
        var happened = new SecurityEvent
        {
            Seq = 1,
            Time = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_123)),
            Kind = SecurityEventKind.DeviceLinked,
            Actor = Actor.Anonymous,
            DeviceId = "0190b3a0-0000-7000-8000-0000000000dd",
            Detail = "name=Küche",
        };
        Assert.Equal("0422c9d6abdbde8c76ec83ab941a8f2ccb37f6d956d46b67e307ee13a0da577b", Convert.ToHexStringLower(AuditChain.HashOf(new byte[32], Account, happened)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(50)]
    public async Task An_export_verifies(int count)
    {
        var finding = await VerifyAsync(Export(count));
        Assert.Equal((null, (ulong)count, Account.ToString("D"), 0), (finding.Problem, finding.VerifiedEvents, finding.AccountId, finding.Line));
        Assert.Equal(count == 0, finding.HeadHash == new string('0', 64));
    }

    [Fact]
    public async Task A_change_to_any_member_of_an_event_is_found_at_its_line()
    {
        // Line 9 is event 7: two lines stand before the events.
        var export = Export(12, happened => happened.Detail = "name=x");
        (string From, string To)[] changes =
        [
            ("\"detail\": \"name=x\"", "\"detail\": \"name=y\""), ("\"ACTOR_SERVER\"", "\"ACTOR_OPERATOR\""), ("\"ACTOR_SERVER\"", "3"),
            ("SECURITY_EVENT_KIND_SIGNED_OUT_EVERYWHERE", "SECURITY_EVENT_KIND_SIGNED_OUT"), ("\"SECURITY_EVENT_KIND_DEVICE_REVOKED\"", "99"), ("07.001Z", "07.002Z"), ("\"hash\": \"", "\"hash\": \"AAAA"),
            ("\"seq\": \"7\"", "\"seq\": \"7\", \"device_id\": \"0190b3a0-0000-7000-8000-0000000000dd\""),
        ];
        var applied = 0;
        foreach (var (from, to) in changes)
        {
            var tampered = export[8].Replace(from, to, StringComparison.Ordinal);
            if (tampered != export[8])
            {
                applied++;
                await FailsAsync([.. export[..8], tampered, .. export[9..]], 9, "was changed");
            }
        }

        Assert.True(applied >= 6, $"Only {applied} changes fitted the line: {export[8]}");
        await FailsAsync([.. export[..8], export[8].Replace("\"detail\"", "\"detail\": \"other\", \"detail\"", StringComparison.Ordinal), .. export[9..]], 9, "no part of an export");
    }

    [Fact]
    public async Task What_was_taken_out_moved_doubled_added_or_cut_off_is_found()
    {
        var export = Export(10);
        await FailsAsync([.. export[..5], .. export[6..]], 6, "After event 3 comes event 5: events were taken out.");
        await FailsAsync([.. export[..5], export[6], export[5], .. export[7..]], 6, "After event 3 comes event 5");
        await FailsAsync([.. export[..6], export[5], .. export[6..]], 7, "After event 4 comes event 4: the order was changed, or one is there twice.");
        await FailsAsync(export[..8], 9, "ends after event 6, without its end: it is cut off");
        await FailsAsync([.. export[..8], export[^1]], 9, "The end says 10 events, and there are 6.");
        await FailsAsync([.. export, export[3]], 14, "Something follows after the end.");
        await FailsAsync(export[1..], 2, "An event comes before the account.");
        await FailsAsync([export[0], .. export], 2, "The account comes twice.");
        await FailsAsync([], 1, "The account is missing.");
        await FailsAsync([.. export[..4], "", .. export[4..]], 5, "no part of an export");
        await FailsAsync([.. export[..4], "{\"event\": {\"detail\": " + new string('[', 100_000), .. export[4..]], 5, "no part of an export");
        await FailsAsync([export[0].Replace("000000000001", "000000000002", StringComparison.Ordinal), .. export[1..]], 3, "was changed");
    }

    [Fact]
    public async Task A_history_that_was_made_up_anew_shows_against_an_earlier_export()
    {
        var earlier = await VerifyAsync(Export(6));
        Assert.Null((await VerifyAsync(Export(10), earlier)).Problem);
        Assert.Null((await VerifyAsync(Export(6), earlier)).Problem);
        var rewritten = Export(10, happened => happened.Detail = happened.Seq == 3 ? "made up" : happened.Detail);
        Assert.Null((await VerifyAsync(rewritten)).Problem);
        await FailsAsync(rewritten, 8, "Event 6 is another one than in the earlier export", earlier);
        await FailsAsync(Export(5), 9, "events were taken away", earlier);
        await FailsAsync(Export(10), 1, "of another account", earlier with { AccountId = Guid.Empty.ToString("D") });
    }
}
