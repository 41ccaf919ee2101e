using Kpm.Cli;

return await KpmCommand.RunAsync(args, new Terminal(), TimeProvider.System);
