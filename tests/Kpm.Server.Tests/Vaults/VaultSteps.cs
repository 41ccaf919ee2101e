using Google.Protobuf;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>The steps that tests of the vault over a socket begin with.</summary>
internal static class VaultSteps
{
    /// <summary>A device of a new account, in the device directory.</summary>
    public static async Task<VaultDevice> EnrolAsync(this TestServer server) =>
        await EnrolAsync(server, new VaultDevice(await server.CreateActiveAsync()));

    /// <summary>Another device of the same account, in the device directory.</summary>
    public static async Task<VaultDevice> EnrolAsync(this TestServer server, string email) => await EnrolAsync(server, await server.LinkAsync(email));

    /// <summary>Another device of the same account, not in the device directory.</summary>
    public static async Task<VaultDevice> LinkAsync(this TestServer server, string email) => new(await server.SignInAsync(email));

    public static async Task<OperationResult> PushAsync(this TestServer server, VaultDevice device, Operation operation) =>
        (await server.PushAsync(device, [operation], atomic: false)).Results[0];

    public static async Task<PushResponse> PushAsync(this TestServer server, VaultDevice device, IEnumerable<Operation> operations, bool atomic) =>
        await server.Vault.PushAsync(new PushRequest { Operations = { operations }, Atomic = atomic }, device.Call);

    /// <summary>Writes so many items, each applied.</summary>
    public static async Task FillAsync(this TestServer server, VaultDevice device, int items, int envelopeBytes = 300)
    {
        for (var left = items; left > 0; left -= 50)
        {
            var envelope = new byte[envelopeBytes];
            var response = await server.PushAsync(device, Enumerable.Range(0, Math.Min(left, 50)).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0, envelope)), atomic: false);
            Assert.All(response.Results, r => Assert.NotNull(r.Applied));
        }
    }

    /// <summary>The device again with a live session, after its tokens have expired.</summary>
    public static async Task<VaultDevice> ReconnectAsync(this TestServer server, VaultDevice device)
    {
        var again = new VaultDevice(await server.SignInAsync(device.Email, device.Session));
        again.Author.OpSeq = device.Author.OpSeq;
        return again;
    }

    public static async Task<GetUsageResponse> UsageOfAsync(this TestServer server, VaultDevice device) => await server.Vault.GetUsageAsync(new GetUsageRequest(), device.Call);

    /// <summary>The whole log as the server stores it.</summary>
    public static IReadOnlyList<Change> Log(this TestServer server, VaultDevice device) =>
        ((Kpm.Server.Vaults.IVaultStore)server.Services.GetService(typeof(Kpm.Server.Vaults.IVaultStore))!).Changes(device.Session.AccountId, 0, int.MaxValue, int.MaxValue);

    /// <summary>The chain hash after an entry of the log, computed from its headers.</summary>
    public static ByteString ChainHash(IEnumerable<Change> log, ulong seq)
    {
        var chain = new byte[32];
        foreach (var change in log.TakeWhile(c => c.Seq <= seq))
        {
            chain = Kpm.Server.Vaults.VaultState.NextChainHash(chain, change.Seq, System.Security.Cryptography.SHA256.HashData(change.Header.Span));
        }

        return ByteString.CopyFrom(chain);
    }

    private static async Task<VaultDevice> EnrolAsync(TestServer server, VaultDevice device)
    {
        var response = await server.Vault.PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = device.Author.DeviceKey() }, device.Call);
        Assert.NotNull(response.Result.Applied);
        return device;
    }
}

/// <summary>A connected device that writes.</summary>
internal sealed class VaultDevice(TestDevice session)
{
    public TestDevice Session => session;

    public TestAuthor Author { get; } = new(session.AccountId, session.DeviceId, session.Key);

    public string Email => session.Account!.Email;

    public Grpc.Core.CallOptions Call => session.Call;
}
