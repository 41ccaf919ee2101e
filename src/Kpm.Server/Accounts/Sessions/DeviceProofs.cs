using System.Buffers.Binary;
using System.Text;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>Checks that a caller holds its device's key (session.proto, DeviceProof).</summary>
internal sealed class DeviceProofs(TimeProvider time, Limits limits)
{
    private readonly Lock _gate = new();
    private HashSet<(Guid Device, UInt128 Nonce)> _recent = [];
    private HashSet<(Guid Device, UInt128 Nonce)> _older = [];
    private DateTimeOffset _rotateAt = DateTimeOffset.MinValue;

    /// <summary>
    /// Throws DEVICE_PROOF_INVALID for a proof that is wrong, stale, or was seen before. It covers the rpc's full name, such
    /// as <c>/kpm.v1.VaultService/Sync</c>, and the SHA-256 of the token.
    /// </summary>
    public void Verify(string method, ReadOnlySpan<byte> tokenHash, DeviceProof proof, Guid deviceId, ReadOnlySpan<byte> signingKey)
    {
        if (!IsGenuine(method, tokenHash, proof, signingKey) || !FirstUse(deviceId, proof.Nonce.Span))
        {
            throw Errors.Of(ErrorReason.DeviceProofInvalid);
        }
    }

    /// <summary>Signature and time only, for tokens that work once anyway: the token is the protection against replay.</summary>
    public bool IsGenuine(string method, ReadOnlySpan<byte> tokenHash, DeviceProof proof, ReadOnlySpan<byte> signingKey)
    {
        var at = proof.Time.ToDateTimeOffset();
        return (time.Now() - at).Duration() <= limits.ProofClockSkew
            && proof.Time.Nanos % 1_000_000 == 0
            && P256.Verify(signingKey, SignedBytes(method, tokenHash, at, proof.Nonce.Span), proof.Signature.Span);
    }

    /// <summary>What the device signs.</summary>
    public static byte[] SignedBytes(string method, ReadOnlySpan<byte> tokenHash, DateTimeOffset at, ReadOnlySpan<byte> nonce)
    {
        var methodBytes = Encoding.ASCII.GetBytes(method);
        var bytes = new List<byte>(128);
        bytes.AddRange("KPM1-PROOF"u8);
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt16BigEndian(number, checked((ushort)methodBytes.Length));
        bytes.AddRange(number[..2]);
        bytes.AddRange(methodBytes);
        bytes.AddRange(tokenHash);
        BinaryPrimitives.WriteInt64BigEndian(number, at.ToUnixTimeMilliseconds());
        bytes.AddRange(number);
        bytes.AddRange(nonce);
        return [.. bytes];
    }

    /// <summary>
    /// A proof is good for twice the skew at most, so two generations of nonces, exchanged as often, cover it.
    /// </summary>
    private bool FirstUse(Guid deviceId, ReadOnlySpan<byte> nonce)
    {
        var key = (deviceId, BinaryPrimitives.ReadUInt128BigEndian(nonce));
        lock (_gate)
        {
            var now = time.Now();
            if (now >= _rotateAt)
            {
                // After a pause longer than a generation, both are stale.
                _older = now >= _rotateAt + (2 * limits.ProofClockSkew) ? [] : _recent;
                _recent = [];
                _rotateAt = now + (2 * limits.ProofClockSkew);
            }

            if (_recent.Count >= limits.ProofNonces)
            {
                throw Errors.RetryAfter(ErrorReason.Unavailable, _rotateAt - now);
            }

            return !_older.Contains(key) && _recent.Add(key);
        }
    }
}
