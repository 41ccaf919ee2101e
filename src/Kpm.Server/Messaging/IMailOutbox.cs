using System.Threading.Channels;

namespace Kpm.Server.Messaging;

/// <summary>Mails that wait to be sent. They are put in by the transactions that they are about.</summary>
internal interface IMailOutbox
{
    /// <summary>The next mails that are due, oldest first.</summary>
    ValueTask<IReadOnlyList<WaitingMail>> DueAsync(DateTimeOffset now, int most, CancellationToken cancellationToken);

    /// <summary>When the next mail is due; null for an empty outbox.</summary>
    ValueTask<DateTimeOffset?> NextAsync(CancellationToken cancellationToken);

    /// <summary>Sent, or worthless: its secrets go.</summary>
    Task RemoveAsync(Guid mailId, CancellationToken cancellationToken);

    Task PostponeAsync(Guid mailId, DateTimeOffset nextAttemptAt, CancellationToken cancellationToken);
}

/// <summary>A mail of the outbox.</summary>
internal sealed record WaitingMail
{
    public required Guid MailId { get; init; }
    public required byte[] Sealed { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public required int Attempts { get; init; }
}

/// <summary>Wakes the delivery when something was put into the outbox.</summary>
internal sealed class MailSignal
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Set() => _signal.Writer.TryWrite(true);

    public async Task WaitAsync(CancellationToken cancellationToken) => await _signal.Reader.ReadAsync(cancellationToken);
}
