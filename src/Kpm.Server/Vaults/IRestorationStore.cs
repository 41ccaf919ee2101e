namespace Kpm.Server.Vaults;

/// <summary>The run that raises every vault's generation after a backup was restored. It is stored with each step, so that a cut-off one goes on where it was.</summary>
internal interface IRestorationStore
{
    /// <summary>A run is not done.</summary>
    bool IsUnderWay();

    /// <summary>Notes that a run begins; one that is under way goes on.</summary>
    Task BeginAsync(CancellationToken cancellationToken);

    /// <summary>Raises the next vaults, each once in a run. Null while there are more; in the end, how many the run has raised.</summary>
    Task<long?> RaiseAsync(int most, CancellationToken cancellationToken);
}
