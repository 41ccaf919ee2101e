using Kpm.V1;

namespace Kpm.Server.Accounts.Events;

/// <summary>Something that happened to an account, before it has its place in the account's chain.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Actor">Who made it happen.</param>
/// <param name="DeviceId">The device that it is about.</param>
/// <param name="Detail">"name=value" pairs with "; " between them; no secret, no full address or number.</param>
internal sealed record SecurityNote(SecurityEventKind Kind, Actor Actor, Guid? DeviceId = null, string Detail = "");
