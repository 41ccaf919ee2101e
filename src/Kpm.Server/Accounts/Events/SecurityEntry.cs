using Kpm.Server.Messaging;

namespace Kpm.Server.Accounts.Events;

/// <summary>Writes the mail about an event: for the account, and the device that the event names, where it is linked.</summary>
internal delegate OutgoingMail NoticeMail(AccountRow account, DeviceRow? device);

/// <summary>What a unit writes about itself: the event, and the mail that tells the owner of an active account.</summary>
internal sealed record SecurityEntry(SecurityNote Note, NoticeMail? Mail = null);
