using Kpm.Server;

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine(CommandLine.Usage);
    return 0;
}

try
{
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
