using Kpm.Server;
using Kpm.Server.Administration;

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine(CommandLine.Usage);
    return 0;
}

try
{
    if (AdminProgram.IsCommand(args))
    {
        return await AdminProgram.RunAsync(args, Console.Out, Console.Error, CancellationToken.None);
    }

    var options = CommandLine.Read(args);
    var environment = Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT") ?? Environments.Production;
    await using var app = ServerApp.Build(options, environment);
    await ServerApp.StartAsync(app, options);
    Console.WriteLine(ServerApp.Banner(app, options));
    await app.WaitForShutdownAsync();
    return 0;
}
catch (StartException e)
{
    Console.Error.WriteLine($"kpm-server: {e.Message.ReplaceLineEndings(" ")}");
    return 1;
}
