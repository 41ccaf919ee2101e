namespace Kpm.Server.Secrets;

/// <summary>A column of the database that holds boxes of the <see cref="Sealer"/>.</summary>
internal interface ISealedColumn
{
    /// <summary>What the boxes are sealed for.</summary>
    string Use { get; }

    /// <summary>Seals anew what is not under the newest key, of at most so many rows behind a position. One transaction.</summary>
    Task<SealedStep> RenewAsync(byte[] after, int most, CancellationToken cancellationToken);
}

/// <summary>How far the step came; Position is null at the end of the column.</summary>
internal sealed record SealedStep(byte[]? Position, int Renewed);
