using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Dapper;
using Kpm.Server.Administration;
using Kpm.Server.Secrets;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Tests.Tidy;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kpm.Server.Tests.Secrets;

public sealed class KeyRotationTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string KeyFile => _folder.File("data/root.key");

    private Task<TestServer> StartAsync() => TestServer.StartAsync(new FakeTime(), o => o with { Data = _folder.File("data") });

    private static Task<AdminAnswer> RunAsync(TestServer server, params string[] line) =>
        server.Services.GetRequiredService<AdminCommands>().RunAsync(line, TestContext.Current.CancellationToken);

    /// <summary>The key ids of all boxes, column by column.</summary>
    private static Dictionary<string, List<int>> KeyIds(TestServer server) => SqliteSealedColumn.All.ToDictionary(
        c => c.Use,
        c => server.Database.Read(db => db.Query(c.SelectSql, new { after = Array.Empty<byte>(), most = 1000 }).Select(r => Sealer.KeyIdOf((byte[])r.Box)).ToList()),
        StringComparer.Ordinal);

    [Fact]
    public async Task After_a_rotation_everything_is_sealed_anew_and_still_opens()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        var number = TwoStepSteps.NewNumber();
        await server.AddPhoneAsync(owner, number, app.Factor());
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        using var device = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(device, owner.Account!.Email);
        Assert.All(KeyIds(server).Values.SelectMany(ids => ids), id => Assert.Equal(1, id));

        var answer = await RunAsync(server, "key", "rotate");

        Assert.Equal(0, answer.ExitCode);
        Assert.Equal(3, (await File.ReadAllLinesAsync(KeyFile, TestContext.Current.CancellationToken)).Length);
        await Eventually.TrueAsync(() => KeyIds(server).Values.SelectMany(ids => ids).All(id => id == 2));
        Assert.NotEmpty(KeyIds(server)["authenticator"]);
        Assert.NotEmpty(KeyIds(server)["phone"]);
        Assert.NotEmpty(KeyIds(server)["ticket"]);
        await server.SecondStepAsync(device, step.Ticket, app.Factor());
        Assert.EndsWith(number[^2..], (await server.SettingsAsync(device)).MaskedPhone, StringComparison.Ordinal);

        // A backup of the key file from before does not fit any more, and says so.
        var newest = await File.ReadAllTextAsync(KeyFile, TestContext.Current.CancellationToken);
        await server.StopAsync();
        await File.WriteAllLinesAsync(KeyFile, newest.Split('\n')[..2], TestContext.Current.CancellationToken);
        Assert.Contains("lacks sealing key 2", (await Assert.ThrowsAsync<StartException>(() => server.RestartAsync())).Message, StringComparison.Ordinal);
        await server.StopAsync();
        await File.WriteAllTextAsync(KeyFile, newest, TestContext.Current.CancellationToken);
        await server.RestartAsync();
    }

    [Fact]
    public async Task Former_keys_are_retired_once_calls_have_settled()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        Assert.Equal(0, (await RunAsync(server, "key", "retire")).ExitCode);
        await RunAsync(server, "key", "rotate");
        await RunAsync(server, "key", "rotate");

        server.Clock.Advance(TimeSpan.FromMinutes(15) - TimeSpan.FromMilliseconds(1));
        var early = await RunAsync(server, "key", "retire");
        Assert.Equal(1, early.ExitCode);
        Assert.Contains("Try again after", early.Text, StringComparison.Ordinal);
        Assert.Equal(4, (await File.ReadAllLinesAsync(KeyFile, TestContext.Current.CancellationToken)).Length);

        server.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, (await RunAsync(server, "key", "retire")).ExitCode);

        var lines = await File.ReadAllLinesAsync(KeyFile, TestContext.Current.CancellationToken);
        Assert.Equal(["kpm-root-key-1", "kpm-sealing-key-3"], lines.Select(l => l.Split(':')[0]));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyFile));
        }

        await server.RestartAsync();
        await server.SignInWithAsync(owner, app);
    }

    [Fact]
    public async Task On_a_stopped_server_retiring_seals_everything_anew_itself()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        await server.StopAsync();

        // As the command does where no server runs: the same parts, and no background job.
        await using (var parts = ServerApp.Build(server.Options, "Production", services => services.Replace(ServiceDescriptor.Singleton(server.Time))))
        {
            var commands = parts.Services.GetRequiredService<AdminCommands>();
            Assert.Equal(0, (await commands.RunAsync(["key", "rotate"], TestContext.Current.CancellationToken)).ExitCode);
            server.Clock.Advance(TimeSpan.FromMinutes(15));
            Assert.Equal(0, (await commands.RunAsync(["key", "retire"], TestContext.Current.CancellationToken)).ExitCode);
        }

        Assert.Equal(2, (await File.ReadAllLinesAsync(KeyFile, TestContext.Current.CancellationToken)).Length);
        await server.RestartAsync();
        Assert.Equal([2], KeyIds(server)["authenticator"]);
        await server.SignInWithAsync(owner, app);
    }

    [Fact]
    public async Task Sign_ins_go_on_while_keys_rotate()
    {
        await using var server = await StartAsync();
        var people = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            var device = await server.CreateActiveAsync();
            var started = await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call);
            var app = new TestAuthenticator(started.Secret, server.Time);
            var codes = (await server.Verification.ConfirmAuthenticatorAsync(new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = app.Code() }, device.Call)).RecoveryCodes;
            return (Device: device, Codes: new ConcurrentQueue<string>(codes));
        }));

        var rotations = Task.Run(async () =>
        {
            for (var i = 0; i < 6; i++)
            {
                await RunAsync(server, "key", "rotate");
                await Task.Delay(50);
            }
        });
        await Task.WhenAll(people.Select(async p =>
        {
            while (p.Codes.TryDequeue(out var code))
            {
                var step = await server.FirstStepAsync(p.Device, p.Device.Account!.Email);
                await server.SecondStepAsync(p.Device, step.Ticket, new SecondFactor { RecoveryCode = code });
                Assert.True((await server.SettingsAsync(p.Device)).Enabled);
            }
        }));
        await rotations;

        await Eventually.TrueAsync(() => KeyIds(server)["authenticator"].All(id => id == 7));
        Array.ForEach(people, p => p.Device.Dispose());
    }

    [Fact]
    public async Task A_crash_at_any_step_leaves_everything_open()
    {
        TestAuthenticator app;
        TestDevice owner;
        await using var server = await StartAsync();
        owner = await server.CreateActiveAsync();
        (app, _) = await server.AddAuthenticatorAsync(owner);

        // Killed after the key was written to the file, before the database knew it: nothing is sealed with it yet.
        server.Services.GetRequiredService<RootKey>().Append();
        Assert.Equal(1, Snapshot.Rows(server.Database, "sealing_key"));
        await server.RestartAsync();
        Assert.Equal(2, Snapshot.Rows(server.Database, "sealing_key"));
        // The start finishes what the crash left undone.
        await Eventually.TrueAsync(() => KeyIds(server)["authenticator"].All(id => id == 2));
        await server.SignInWithAsync(owner, app);

        // Killed while the rows were sealed anew: some are, some are not.
        var root = server.Services.GetRequiredService<RootKey>();
        var key = root.Append();
        await server.Services.GetRequiredService<ISealingKeyRecord>().AddAsync(key, server.Time.GetUtcNow(), TestContext.Current.CancellationToken);
        root.Use(key);
        await server.FirstStepAsync(owner, owner.Account!.Email);
        Assert.Contains(3, KeyIds(server)["ticket"]);
        Assert.Equal([2], KeyIds(server)["authenticator"]);
        await server.RestartAsync();
        await Eventually.TrueAsync(() => KeyIds(server)["authenticator"].All(id => id == 3));
        await server.SignInWithAsync(owner, app);

        // Killed after the database forgot the former keys, before the file did.
        server.Clock.Advance(TimeSpan.FromMinutes(15));
        await server.Services.GetRequiredService<ISealingKeyRecord>().ForgetBelowAsync(3, TestContext.Current.CancellationToken);
        await server.RestartAsync();
        Assert.Equal(3, Snapshot.Rows(server.Database, "sealing_key"));
        Assert.Equal(0, (await RunAsync(server, "key", "retire")).ExitCode);
        Assert.Equal(1, Snapshot.Rows(server.Database, "sealing_key"));
        await server.SignInWithAsync(owner, app);
        owner.Dispose();
    }

    [Fact]
    public async Task A_box_opens_for_its_row_and_use_only()
    {
        await using var server = await StartAsync();
        var sealer = server.Services.GetRequiredService<Sealer>();
        var box = sealer.Seal("sms", [1, 2, 3], "secret"u8);

        Assert.Equal("secret"u8.ToArray(), sealer.Open("sms", [1, 2, 3], box));
        Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => sealer.Open("sms", [1, 2, 4], box));
        Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => sealer.Open("phone", [1, 2, 3], box));
        for (var i = 0; i < box.Length; i++)
        {
            var flipped = box.ToArray();
            flipped[i] ^= 1;
            Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => sealer.Open("sms", [1, 2, 3], flipped));
            Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => sealer.Open("sms", [1, 2, 3], box.AsSpan(0, i)));
        }
    }

    [Fact]
    public void Every_use_of_the_sealer_is_sealed_anew_by_a_rotation()
    {
        var uses = Repository.Sources("src/Kpm.Server")
            .Where(f => !f.EndsWith("/Sealer.cs", StringComparison.Ordinal) && !f.Contains("/Sqlite/", StringComparison.Ordinal))
            .Where(f => Regex.IsMatch(Repository.Read(f), @"\bSealer\b"))
            .SelectMany(f => Regex.Matches(Repository.Read(f), "const string \\w*Use = \"([^\"]+)\"").Select(m => m.Groups[1].Value))
            .ToList();
        Assert.Superset(new HashSet<string>(["outbox", "sms", "ticket", "authenticator", "phone"], StringComparer.Ordinal), uses.ToHashSet(StringComparer.Ordinal));

        // Given out and not stored: one under a retired key is asked for again.
        string[] notStored = ["sign-in-hint"];
        Assert.Equal(uses.Except(notStored, StringComparer.Ordinal).Order(StringComparer.Ordinal), SqliteSealedColumn.All.Select(c => c.Use).Order(StringComparer.Ordinal));
        // And nobody seals for a use that is not a constant of that name.
        Assert.All(
            Repository.Sources("src/Kpm.Server").SelectMany(f => Regex.Matches(Repository.Read(f), @"\bsealer\.Seal\((.*?),").Select(m => m.Groups[1].Value)),
            argument => Assert.Matches(@"^\w*Use$", argument));
    }
}
