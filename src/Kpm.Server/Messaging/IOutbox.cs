using System.Threading.Channels;

namespace Kpm.Server.Messaging;

/// <summary>Messages that wait to be sent. They are put in by the transactions that they are about.</summary>
internal interface IOutbox
{
    /// <summary>The next messages that are due, oldest first.</summary>
    ValueTask<IReadOnlyList<WaitingMessage>> DueAsync(DateTimeOffset now, int most, CancellationToken cancellationToken);

    /// <summary>When the next message is due; null for an empty outbox.</summary>
    ValueTask<DateTimeOffset?> NextAsync(CancellationToken cancellationToken);

    /// <summary>Sent, or worthless: its secrets go.</summary>
    Task RemoveAsync(Guid messageId, CancellationToken cancellationToken);

    Task PostponeAsync(Guid messageId, DateTimeOffset nextAttemptAt, CancellationToken cancellationToken);
}

/// <summary>The outbox of mails.</summary>
internal interface IMailOutbox : IOutbox;

/// <summary>A message of an outbox.</summary>
internal sealed record WaitingMessage
{
    public required Guid MessageId { get; init; }
    public required byte[] Sealed { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public required int Attempts { get; init; }
}

/// <summary>Wakes a delivery when something was put into its outbox.</summary>
internal abstract class OutboxSignal
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Set() => _signal.Writer.TryWrite(true);

    public async Task WaitAsync(CancellationToken cancellationToken) => await _signal.Reader.ReadAsync(cancellationToken);
}

/// <summary>Wakes the delivery of mails.</summary>
internal sealed class MailSignal : OutboxSignal;
