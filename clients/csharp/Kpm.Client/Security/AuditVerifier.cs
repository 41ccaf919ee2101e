using Kpm.V1;

namespace Kpm.Client.Security;

/// <summary>What the verification of an export found.</summary>
public sealed record AuditFinding
{
    /// <summary>The account; empty where the file does not say.</summary>
    public required string AccountId { get; init; }

    /// <summary>How many events are proved to follow from each other, from the first one.</summary>
    public required ulong VerifiedEvents { get; init; }

    /// <summary>The hash of the last of them, in hexadecimal.</summary>
    public required string HeadHash { get; init; }

    /// <summary>What is wrong, in English; null where nothing is.</summary>
    public string? Problem { get; init; }

    /// <summary>The line, from 1, where it breaks; 0 where nothing is wrong.</summary>
    public int Line { get; init; }
}

/// <summary>
/// Recomputes the hash chain of an export without asking anybody. It proves that no event was changed, taken out,
/// moved or added since the export's end was written down. That a server made up the whole chain anew shows against an
/// earlier export, which must be the beginning of the later one.
/// </summary>
public static class AuditVerifier
{
    /// <summary>Verifies.</summary>
    /// <param name="export">The lines of the file.</param>
    /// <param name="earlier">The finding of an earlier export of the same account that verified; null for none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What was found.</returns>
    public static async Task<AuditFinding> VerifyAsync(TextReader export, AuditFinding? earlier, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(export);
        var chain = new Chain(earlier);
        var line = 0;
        try
        {
            while (await export.ReadLineAsync(cancellationToken) is { } text)
            {
                line++;
                chain.Add(AccountExport.FromLine(text));
            }

            line++;
            chain.RequireWhole();
            return chain.Finding(null, 0);
        }
        catch (FormatException broken)
        {
            return chain.Finding(broken.Message, line);
        }
    }

    private sealed class Chain(AuditFinding? earlier)
    {
        private byte[] _head = new byte[AuditChain.HashSize];
        private Guid? _account;
        private ulong _seq;
        private bool _ended;

        public void Add(ExportAccountDataResponse part)
        {
            Require(!_ended, "Something follows after the end.");
            switch (part.PartCase)
            {
                case ExportAccountDataResponse.PartOneofCase.Account:
                    Require(_account is null, "The account comes twice.");
                    _account = Guid.ParseExact(part.Account.AccountId, "D");
                    Require(earlier is null || earlier.AccountId == $"{_account:D}", "The earlier export is of another account.");
                    break;
                case ExportAccountDataResponse.PartOneofCase.Event:
                    Add(part.Event);
                    break;
                case ExportAccountDataResponse.PartOneofCase.End:
                    Require(part.End.EventCount == _seq, $"The end says {part.End.EventCount} events, and there are {_seq}.");
                    Require(part.End.HeadHash.Span.SequenceEqual(_head), "The end names another last event.");
                    _ended = true;
                    break;
            }
        }

        public void RequireWhole()
        {
            Require(_account is not null, "The account is missing.");
            Require(_ended, $"The file ends after event {_seq}, without its end: it is cut off.");
            Require(earlier is null || earlier.VerifiedEvents <= _seq, $"The earlier export has {earlier?.VerifiedEvents} events, more than this one: events were taken away.");
        }

        public AuditFinding Finding(string? problem, int line) => new()
        {
            AccountId = _account?.ToString("D") ?? "",
            VerifiedEvents = _seq,
            HeadHash = Convert.ToHexStringLower(_head),
            Problem = problem,
            Line = line,
        };

        private void Add(SecurityEvent happened)
        {
            var account = _account ?? throw new FormatException("An event comes before the account.");
            Require(happened.Seq == _seq + 1, $"After event {_seq} comes event {happened.Seq}: {(happened.Seq > _seq ? "events were taken out" : "the order was changed, or one is there twice")}.");
            var hash = AuditChain.HashOf(_head, account, happened);
            Require(happened.Hash.Span.SequenceEqual(hash), $"Event {happened.Seq} does not follow from the one before it: one of the two was changed.");
            Require(
                earlier is null || earlier.VerifiedEvents != happened.Seq || earlier.HeadHash == Convert.ToHexStringLower(hash),
                $"Event {happened.Seq} is another one than in the earlier export: the history was rewritten.");
            (_head, _seq) = (hash, happened.Seq);
        }

        private static void Require(bool condition, string problem)
        {
            if (!condition)
            {
                throw new FormatException(problem);
            }
        }
    }
}
