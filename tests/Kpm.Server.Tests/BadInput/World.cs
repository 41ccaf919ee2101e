using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Kpm.Server.Tests.Faults;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>A valid request, and the token that it is sent with.</summary>
internal sealed record BaseCall(IMessage Request, string? Token, TestDevice? Device = null)
{
    /// <summary>A valid first message of the stream, for what is tried as a later one; made anew each time.</summary>
    public Func<IMessage>? Opening { get; init; }
}

/// <summary>A running server with an active account, and a valid request for every rpc.</summary>
public sealed partial class World : IAsyncLifetime
{
    private readonly Storage.TempFolder _folder = new();
    private ServerProcess? _server;
    private CallInvoker? _connection;

    /// <summary>How to make a valid request; the rpc's name, or the rpc's name and a case of its oneof.</summary>
    private Dictionary<string, Func<CancellationToken, Task<BaseCall>>> Makers => new(StringComparer.Ordinal)
    {
        ["kpm.v1.AccountService.GetSignInOptions"] = _ => Anonymous(new GetSignInOptionsRequest { Locale = "de-AT", Region = "DE" }),
        ["kpm.v1.AccountService.CreateAccount"] = _ => Anonymous(Registration()),
        ["kpm.v1.AccountService.SignIn"] = _ => Anonymous(Credentials()),
        ["kpm.v1.AccountService.RefreshSession"] = async c =>
        {
            var device = await SignedInAsync(c);
            var token = device.Session.RefreshToken;
            return new BaseCall(new RefreshSessionRequest { RefreshToken = token, Proof = device.Proof(Contract.RefreshMethod, token) }, null);
        },
        // An account of its own: one of the cases signs all of its devices out.
        ["kpm.v1.AccountService.SignOut"] = async c => By(await NewActiveAsync(c), new SignOutRequest { RequestId = TestDevice.NewId() }),
        ["kpm.v1.AccountService.GetAccount"] = _ => Task.FromResult(By(Owner, new GetAccountRequest())),
        ["kpm.v1.AccountService.ListDevices"] = _ => Task.FromResult(By(Owner, new ListDevicesRequest { PageSize = 10 })),
        ["kpm.v1.AccountService.RevokeDevice"] = async c =>
            By(Owner, new RevokeDeviceRequest { RequestId = TestDevice.NewId(), DeviceId = (await SignedInAsync(c)).Id }),
        ["kpm.v1.VerificationService.NewSecurityCheck"] = _ => Anonymous(new NewSecurityCheckRequest { Delivery = SecurityCheckDelivery.Mail, Email = TestDevice.NewEmail("reader"), Language = "de" }),
        ["kpm.v1.VerificationService.ActivateAccount:token"] = async c =>
        {
            var (device, mail) = await PendingAsync(c);
            return By(device, new ActivateAccountRequest { Token = mail.Token, Password = TestDevice.Password });
        },
        ["kpm.v1.VerificationService.ActivateAccount:code"] = async c =>
        {
            var (device, mail) = await PendingAsync(c);
            return By(device, new ActivateAccountRequest { Code = mail.Code });
        },
        ["kpm.v1.VerificationService.DiscardPendingAccount"] = async c =>
            new BaseCall(new DiscardPendingAccountRequest { Token = (await PendingAsync(c)).Mail.DiscardToken }, null),
        ["kpm.v1.VerificationService.ResendActivation"] = async c => By((await PendingAsync(c)).Device, new ResendActivationRequest { RequestId = TestDevice.NewId() }),
        ["kpm.v1.VaultService.GetVault"] = _ => Task.FromResult(By(Owner, new GetVaultRequest())),
        ["kpm.v1.VaultService.PutKeyset"] = async c =>
        {
            var vault = await new VaultService.VaultServiceClient(Connection).GetVaultAsync(new GetVaultRequest(), Owner.Headers, cancellationToken: c);
            return By(Owner, new PutKeysetRequest { Operation = Owner.Keyset(vault.Keyset?.Rev ?? 0) });
        },
        ["kpm.v1.VaultService.PublishDeviceKey"] = async c =>
        {
            var device = await SignedInAsync(c);
            return By(device, new PublishDeviceKeyRequest { Operation = device.DeviceKey() });
        },
        ["kpm.v1.VaultService.ListDeviceKeys"] = _ => Task.FromResult(By(Owner, new ListDeviceKeysRequest { PageSize = 10 })),
        ["kpm.v1.VaultService.Watch"] = _ => Task.FromResult(By(Owner, new WatchRequest())),
        ["kpm.v1.VaultService.Push"] = async c =>
        {
            var device = await EnrolledAsync(c);
            return By(device, new PushRequest { Operations = { device.Put(TestDevice.NewId(), 0), device.Put(TestDevice.NewId(), 0) }, Atomic = true });
        },
        ["kpm.v1.VaultService.GetUsage"] = _ => Task.FromResult(By(Owner, new GetUsageRequest())),
        ["kpm.v1.VaultService.Sync:hello"] = async c => await SyncAsync(d => new SyncRequest { Hello = d.Hello() }, c),
        ["kpm.v1.VaultService.Sync:push"] = async c =>
            await SyncAsync(d => new SyncRequest { Push = new Push { Operations = { d.Put(TestDevice.NewId(), 0), d.Put(TestDevice.NewId(), 0) } } }, c),
        ["kpm.v1.VaultService.Sync:ack"] = async c => await SyncAsync(_ => new SyncRequest { Ack = new Ack { Seq = 1 } }, c),
        ["kpm.v1.VaultService.Sync:pong"] = async c => await SyncAsync(_ => new SyncRequest { Pong = new Pong() }, c),
        ["kpm.v1.VaultService.Sync:reauth"] = async c =>
            await SyncAsync(d => new SyncRequest { Reauth = new Reauth { AccessToken = d.Token, Proof = d.Proof(Contract.SyncMethod, d.Token) } }, c),
        ["kpm.v1.VaultService.Sync:revoked_ack"] = async c => await SyncAsync(_ => new SyncRequest { RevokedAck = new RevokedAck() }, c),
    };

    private SupportMakers Operators => field ??= new SupportMakers(this);

    internal ServerProcess Server => _server!;

    /// <summary>One channel for all, so that what the server holds for connections does not grow with the tests.</summary>
    internal CallInvoker Connection => _connection!;

    internal RawClient Client => new(Connection);

    /// <summary>An enrolled device of an active account that holds a little.</summary>
    internal TestDevice Owner { get; } = new(TestDevice.NewEmail("owner"));

    /// <summary>An account whose sign-ins may fail: failures delay the next sign-in, and the owner's devices sign in all the time.</summary>
    internal TestDevice Visitor { get; } = new(TestDevice.NewEmail("visitor"));

    internal string Database => Path.Combine(Server.DataFolder, "kpm.db");

    public async ValueTask InitializeAsync()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await _openId.InitializeAsync();
        _server = await ServerProcess.StartAsync(_folder.File("data"), cancellationToken, new Dictionary<string, string>(FederatedSettings, StringComparer.Ordinal)
        {
            // The base requests register, mail and sign in more often than a person may.
            ["Kpm__Limits__ActivationResendInterval"] = "00:00:00.001",
            // What a hash costs is not looked at here.
            ["Kpm__PasswordHash__Cost"] = "4",
            ["Kpm__Limits__SmsInterval"] = "00:00:00.001",
            // Every refused call would lead to a Security Check otherwise, which only a person can answer.
            ["Kpm__Limits__SecurityCheckWindow"] = "00:00:00.001",
            ["Kpm__Limits__PasswordResetInterval"] = "00:00:00.001",
            ["Kpm__Limits__PasswordResetsPerDay"] = "10000",
            ["Kpm__Limits__MailedCheckInterval"] = "00:00:00.001",
            ["Kpm__Limits__MailedChecksPerDay"] = "10000",
            // A wait for a seq that never comes need not be long to be seen.
            ["Kpm__Limits__MinSeqTimeout"] = "00:00:00.100",
            ["Kpm__SupportPublic"] = "true",
            // The cases begin many uploads of the greatest size, and finish none.
            ["Kpm__Limits__AttachmentUploadsPerAccount"] = "1000000",
            ["Kpm__Limits__AttachmentsPerAccount"] = "1000000",
            ["Kpm__Limits__VaultBytes"] = "1000000000000",
            // What the jobs tidy up would look like what a refused call has changed.
            ["Kpm__Limits__SweepInterval"] = "1.00:00:00",
            // Collects early, so that what the process holds is what it needs.
            ["DOTNET_GCgen0size"] = "0x1000000",
            ["DOTNET_GCConserveMemory"] = "7",
        });
        _connection = _server.Connect();
        await Operators.InitializeAsync(cancellationToken);
        await ActivatedAsync(Owner, cancellationToken);
        await ActivatedAsync(Visitor, cancellationToken);
        await Owner.EnrolAsync(Connection, cancellationToken);
        await new VaultService.VaultServiceClient(Connection).PushAsync(
            new PushRequest { Operations = { Owner.Put(TestDevice.NewId(), 0) } }, Owner.Headers, cancellationToken: cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        await _openId.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>The names under which valid requests of the rpc can be made, a stream's opening first; none for an rpc that was forgotten here.</summary>
    internal IReadOnlyList<string> Variants(MethodDescriptor method) =>
        [.. AllMakers.Select(m => m.Key).Where(k => k == method.FullName || k.StartsWith(method.FullName + ":", StringComparison.Ordinal))];

    internal Task<BaseCall> PrepareAsync(string variant, CancellationToken cancellationToken) => AllMakers.First(m => m.Key == variant).Value(cancellationToken);

    private IEnumerable<KeyValuePair<string, Func<CancellationToken, Task<BaseCall>>>> AllMakers =>
        Makers.Concat(TwoStepMakers).Concat(FederatedMakers).Concat(HintMakers).Concat(Operators.All).Concat(LifecycleMakers).Concat(CheckpointMakers).Concat(AttachmentMakers);

    internal TestDevice NewDevice() => new(Owner.Email);

    internal async Task<TestDevice> SignedInAsync(CancellationToken cancellationToken)
    {
        var device = NewDevice();
        await device.SignInAsync(Connection, cancellationToken);
        return device;
    }

    internal async Task<TestDevice> EnrolledAsync(CancellationToken cancellationToken)
    {
        var device = await SignedInAsync(cancellationToken);
        await device.EnrolAsync(Connection, cancellationToken);
        return device;
    }

    internal async Task<(TestDevice Device, Hosting.ReceivedMail Mail)> PendingAsync(CancellationToken cancellationToken)
    {
        var device = new TestDevice(TestDevice.NewEmail("pending"));
        await device.RegisterAsync(Connection, cancellationToken);
        return (device, await ActivationMails.ReadAsync(Server.DataFolder, device.Email, cancellationToken));
    }

    internal async Task ActivatedAsync(TestDevice device, CancellationToken cancellationToken)
    {
        await device.RegisterAsync(Connection, cancellationToken);
        var mail = await ActivationMails.ReadAsync(Server.DataFolder, device.Email, cancellationToken);
        await new VerificationService.VerificationServiceClient(Connection).ActivateAccountAsync(
            new ActivateAccountRequest { Token = mail.Token }, device.Headers, cancellationToken: cancellationToken);
    }

    private static Task<BaseCall> Anonymous(IMessage request) => Task.FromResult(new BaseCall(request, null));

    private static BaseCall By(TestDevice device, IMessage request) => new(request, device.Token, device);

    private async Task<BaseCall> SyncAsync(Func<TestDevice, SyncRequest> message, CancellationToken cancellationToken)
    {
        var device = await EnrolledAsync(cancellationToken);
        return By(device, message(device)) with { Opening = () => new SyncRequest { Hello = device.Hello() } };
    }
}
