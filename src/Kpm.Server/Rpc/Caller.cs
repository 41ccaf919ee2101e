using Grpc.Core;

namespace Kpm.Server.Rpc;

/// <summary>Who calls: the live session that the access token opened.</summary>
internal sealed record Caller
{
    public required Guid AccountId { get; init; }
    public required Guid SessionId { get; init; }
    public required Guid DeviceId { get; init; }

    /// <summary>False while the account is pending: it serves only the device that created it.</summary>
    public required bool Activated { get; init; }
    public required DateTimeOffset AccessExpiresAt { get; init; }

    /// <summary>The session signed in after a password reset: until then it is no way to the wrapped keys. Null for no hold.</summary>
    public DateTimeOffset? KeysHeldUntil { get; init; }

    /// <summary>The device's P-256 public key, 65 bytes.</summary>
    public required byte[] SigningKey { get; init; }

    /// <summary>SHA-256 of the access token of this call: what a <see cref="Kpm.V1.DeviceProof"/> over it signs.</summary>
    public required byte[] AccessTokenHash { get; init; }

    public bool IsHeld(DateTimeOffset now) => now < KeysHeldUntil;
}

internal static class CallerContext
{
    /// <summary>The caller of an rpc that demands a session.</summary>
    public static Caller Caller(this ServerCallContext context) =>
        context.CallerOrNull() ?? throw new InvalidOperationException($"{context.Method} does not demand a session.");

    /// <summary>Null for an anonymous call.</summary>
    public static Caller? CallerOrNull(this ServerCallContext context) => context.GetHttpContext().Features.Get<Caller>();

    /// <summary>Kept among the request's features, whose list Kestrel reuses, and not in UserState, which would make a dictionary for each call.</summary>
    public static void SetCaller(this ServerCallContext context, Caller caller) => context.GetHttpContext().Features.Set(caller);
}
