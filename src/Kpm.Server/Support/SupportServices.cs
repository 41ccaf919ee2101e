using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Support;

internal static class SupportServices
{
    public static IServiceCollection AddSupport(this IServiceCollection services) => services
        .AddSingleton<IOperatorStore, SqliteOperatorStore>()
        .AddSingleton<Operators>();
}
