using Kpm.Server.Messaging;
using Kpm.Server.Rpc;

namespace Kpm.Server.Federation;

/// <summary>An identity as it is stored.</summary>
internal sealed record IdentityRow
{
    public required Guid IdentityId { get; init; }
    public required Guid AccountId { get; init; }
    public required string ProviderId { get; init; }
    public required string Issuer { get; init; }
    public required string Subject { get; init; }
    public required string Email { get; init; }
    public required DateTimeOffset LinkedAt { get; init; }
    public required DateTimeOffset? LastUsedAt { get; init; }
}
