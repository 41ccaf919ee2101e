namespace Kpm.Server.Messaging;

/// <summary>Hands a mail over. A throw means that it may be tried again, unless it is <see cref="MessageRefusedException"/>.</summary>
internal interface IMailSender
{
    /// <summary>Where mails go, for the line that the server prints at its start.</summary>
    string Destination { get; }

    Task SendAsync(WrittenMail mail, Guid mailId, CancellationToken cancellationToken);
}
