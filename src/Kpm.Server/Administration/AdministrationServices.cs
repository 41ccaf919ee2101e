namespace Kpm.Server.Administration;

internal static class AdministrationServices
{
    public static IServiceCollection AddAdministration(this IServiceCollection services) => services
        .AddSingleton<IAdminCommand, AddOperator>()
        .AddSingleton<IAdminCommand, ListOperators>()
        .AddSingleton<IAdminCommand, RemoveOperator>()
        .AddSingleton<AdminCommands>()
        .AddHostedService<AdminSocket>();
}
