using System.CommandLine;
using Kpm.Bench.Anchors;
using Kpm.Bench.Cases;
using Kpm.Bench.Harness;

var cases = new Argument<string[]>("cases")
{
    Description = "Cases to run, by name (see --list); without any, all of them.",
    Arity = ArgumentArity.ZeroOrMore,
};
var pairs = new Option<int>("--pairs") { Description = "Pairs of measurements a figure, at least 5 for a figure to quote.", DefaultValueFactory = _ => 5 };
var seconds = new Option<double>("--seconds") { Description = "Length of each timed section.", DefaultValueFactory = _ => 2 };
var streams = new Option<int>("--streams") { Description = "Idle streams of P5.", DefaultValueFactory = _ => 1_000 };
var size = new Option<int?>("--size") { Description = "Only this number of devices in P1, or of receivers in P2." };
var json = new Option<FileInfo?>("--json") { Description = "Also writes the table to this file as JSON." };
var etcd = new Option<string?>("--etcd") { Description = "The etcd binary; otherwise the one on PATH, otherwise Debian's package, unpacked into a cache." };
var server = new Option<string?>("--server") { Description = "Another Kpm.Server.dll than the one built with the bench." };
var scratch = new Option<string?>("--scratch") { Description = "Parent of the data folders of the servers, on the disk to be measured; otherwise the folder for temporary files." };
var list = new Option<bool>("--list") { Description = "Names the cases and ends." };
var root = new RootCommand("Measures Kpm.Grpc against its anchors, alternately in one run. docs/benchmarks.md explains each row.")
{
    cases, pairs, seconds, streams, size, json, etcd, server, scratch, list,
};
root.SetAction(async (parsed, cancel) =>
{
    if (parsed.GetValue(list))
    {
        foreach (var known in BenchCase.All)
        {
            Console.WriteLine($"{known.Name,-6} {known.Title}");
        }

        return 0;
    }

    var options = new BenchOptions
    {
        Cases = parsed.GetValue(cases) ?? [],
        Pairs = parsed.GetValue(pairs),
        Seconds = parsed.GetValue(seconds),
        Streams = parsed.GetValue(streams),
        Size = parsed.GetValue(size),
        Etcd = parsed.GetValue(etcd),
        Server = parsed.GetValue(server),
        Scratch = parsed.GetValue(scratch),
    };
    return await BenchRun.RunAsync(options, parsed.GetValue(json), cancel);
});

var kind = new Argument<string>("kind");
var serve = new Command(AnchorServer.Command, "Runs an anchor; the bench starts these itself.") { Hidden = true };
serve.Arguments.Add(kind);
serve.SetAction(async (parsed, cancel) => await AnchorServer.ServeAsync(parsed.GetRequiredValue(kind), cancel));
root.Subcommands.Add(serve);

return await root.Parse(args).InvokeAsync();
