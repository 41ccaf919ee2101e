namespace Kpm.Server.Tests.Faults;

/// <summary>Tests that load the machine or measure it run one after the other, when the rest is done.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";

    /// <summary>The sizes that take long, on demand.</summary>
    public static bool FullSize { get; } = Environment.GetEnvironmentVariable("KPM_TEST_LONG") == "1";
}
