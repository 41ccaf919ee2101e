using System.Diagnostics;

namespace Kpm.Server.Tests.Hosting;

internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>For what happens in the background; fails when it has not happened after a generous time.</summary>
    public static async Task TrueAsync(Func<bool> condition)
    {
        for (var waited = Stopwatch.StartNew(); !condition();)
        {
            Assert.True(waited.Elapsed < Patience, "It did not happen in time.");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}
