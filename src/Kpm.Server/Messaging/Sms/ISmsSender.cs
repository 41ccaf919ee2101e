namespace Kpm.Server.Messaging.Sms;

/// <summary>A short message, ready to go.</summary>
internal sealed record ShortMessage(Guid SmsId, PhoneNumber To, string Text);

/// <summary>Hands a message to a carrier. A throw means that it may be tried again, unless it is <see cref="MessageRefusedException"/>.</summary>
internal interface ISmsSender
{
    /// <summary>Where messages go, for the line that the server prints at its start.</summary>
    string Destination { get; }

    Task SendAsync(ShortMessage sms, CancellationToken cancellationToken);
}

/// <summary>The carrier could not take the message now. The text quotes nothing of the message.</summary>
internal sealed class SmsFailedException(string message) : Exception(message);
