namespace Kpm.Server.Messaging;

/// <summary>Hands a mail over. A throw means that it may be tried again.</summary>
internal interface IMailSender
{
    /// <summary>Where mails go, for the line that the server prints at its start.</summary>
    string Destination { get; }

    Task SendAsync(WrittenMail mail, Guid mailId, CancellationToken cancellationToken);
}

/// <summary>The server refused this mail for good: trying again would give the same answer.</summary>
internal sealed class MailRefusedException(string message) : Exception(message);
