using Kpm.Server.Tests.Faults.Histories;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>The devices of one account: writers, one that only reads, and the history of them all.</summary>
internal sealed class Fleet(IReadOnlyList<Writer> writers, TestDevice reader, HistoryRecorder history)
{
    public IReadOnlyList<Writer> Writers => writers;

    public TestDevice Reader => reader;

    public HistoryRecorder History => history;

    public Auditor Auditor { get; } = new(reader, writers.ToDictionary(w => w.Device.Id, StringComparer.Ordinal));

    /// <summary>A new account whose writers are in the directory; every second one writes through a stream.</summary>
    public static async Task<Fleet> EnlistAsync(ServerProcess server, int writers, int seed, CancellationToken cancellationToken)
    {
        var connection = server.Connect();
        var first = new TestDevice(TestDevice.NewEmail());
        await first.RegisterAsync(connection, cancellationToken);
        var mail = await ActivationMails.ReadAsync(server.DataFolder, first.Email, cancellationToken);
        await new VerificationService.VerificationServiceClient(connection).ActivateAccountAsync(
            new ActivateAccountRequest { Token = mail.Token }, first.Headers, cancellationToken: cancellationToken);
        var devices = new List<TestDevice> { first };
        while (devices.Count <= writers)
        {
            var next = new TestDevice(first.Email);
            await next.SignInAsync(connection, cancellationToken);
            devices.Add(next);
        }

        var history = new HistoryRecorder();
        string[] shared = [TestDevice.NewId(), TestDevice.NewId()];
        var fleet = devices.Take(writers).Select((d, i) => new Writer(d, shared, streams: i % 2 == 1, seed + i, history)).ToList();
        foreach (var writer in fleet)
        {
            await writer.EnrolAsync(connection, cancellationToken);
        }

        return new Fleet(fleet, devices[^1], history);
    }

    public Auditor NewAuditor() => new(reader, writers.ToDictionary(w => w.Device.Id, StringComparer.Ordinal));

    /// <summary>Reads the whole log and holds it against everything that anybody did and saw.</summary>
    public async Task<IReadOnlyList<Violation>> CheckAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        var auditor = NewAuditor();
        await auditor.CatchUpAsync(server.Connect(), cancellationToken);
        auditor.Compare(everythingAnswered: true);
        return HistoryChecker.Check(history.Close(auditor.Changes));
    }
}
