using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class DeviceProofsTests
{
    private const string Token = "token";

    [Fact]
    public void A_proof_works_once_for_as_long_as_its_time_is_good()
    {
        var time = new FakeTime();
        var proofs = new DeviceProofs(time, new Limits());
        using var device = new TestDevice(time);
        var ahead = device.Prove(TestDevice.SyncMethod, Token, time.GetUtcNow().AddSeconds(60));
        Verify(proofs, device, ahead);

        for (var i = 0; i <= 120; i++)
        {
            Assert.Equal(ErrorReason.DeviceProofInvalid, Assert.Throws<KpmException>(() => Verify(proofs, device, ahead)).Reason);
            time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Fact]
    public void Another_device_may_use_the_same_nonce()
    {
        var time = new FakeTime();
        var proofs = new DeviceProofs(time, new Limits());
        using var first = new TestDevice(time);
        var proof = first.Prove(TestDevice.SyncMethod, Token);
        Verify(proofs, first, proof);

        // The key is the first device's too here; only the device that the nonce belongs to differs.
        proofs.Verify(TestDevice.SyncMethod, SecretToken.Hash(Token), proof, Guid.CreateVersion7(), first.PublicKey);
    }

    [Fact]
    public void The_memory_for_nonces_is_bounded_and_empties_with_time()
    {
        var time = new FakeTime();
        var proofs = new DeviceProofs(time, new Limits { ProofNonces = 2 });
        using var device = new TestDevice(time);
        Verify(proofs, device, device.Prove(TestDevice.SyncMethod, Token));
        Verify(proofs, device, device.Prove(TestDevice.SyncMethod, Token));

        var refusal = Assert.Throws<KpmException>(() => Verify(proofs, device, device.Prove(TestDevice.SyncMethod, Token)));

        Assert.Equal(ErrorReason.Unavailable, refusal.Reason);
        time.Advance(refusal.RetryAfter!.Value);
        Verify(proofs, device, device.Prove(TestDevice.SyncMethod, Token));
    }

    private static void Verify(DeviceProofs proofs, TestDevice device, DeviceProof proof) =>
        proofs.Verify(TestDevice.SyncMethod, SecretToken.Hash(Token), proof, device.DeviceId, device.PublicKey);
}
