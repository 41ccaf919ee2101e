using Kpm.Simulation.Server;

namespace Kpm.Simulation;

/// <summary>A simulator that finds nothing proves nothing: each of these bugs is found within the everyday seeds.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private const int Seeds = 1_000;

    public static TheoryData<string> Bugs() => [.. Enum.GetNames<PlantedBug>().Where(name => name != nameof(PlantedBug.None))];

    [Theory]
    [MemberData(nameof(Bugs))]
    public void A_planted_bug_is_found(string name)
    {
        var bug = Enum.Parse<PlantedBug>(name);
        for (var seed = 1; seed <= Seeds; seed++)
        {
            try
            {
                World.Run(seed, bug);
            }
            catch (ViolationException violation)
            {
                output.WriteLine($"{bug}: seed {seed}, {violation.Message}");
                return;
            }
        }

        Assert.Fail($"{bug} was not found in {Seeds} seeds.");
    }
}
