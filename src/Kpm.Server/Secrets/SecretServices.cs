using Kpm.Server.Administration;
using Kpm.Server.Storage.Files;
using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Secrets;

/// <summary>The parts that keep secrets, for the server's container. Needs SqliteDatabase.</summary>
internal static class SecretServices
{
    public static IServiceCollection AddSecrets(this IServiceCollection services, string rootKeyPath)
    {
        // The database first: it takes the lock of the folder.
        services.AddSingleton(s => RootKey.Open(rootKeyPath, SqliteRootKeyRecord.IsInUse(s.GetRequiredService<SqliteDatabase>()), s.GetRequiredService<IDiskSync>()));
        services.AddSingleton<Sealer>().AddSingleton<Tickets>().AddSingleton<ISealingKeyRecord, SqliteSealingKeyRecord>().AddSingleton<KeyRotation>();
        services.AddHostedService(s => s.GetRequiredService<KeyRotation>());
        services.AddSingleton<IAdminCommand, RotateKey>().AddSingleton<IAdminCommand, RetireKeys>();
        foreach (var column in SqliteSealedColumn.All)
        {
            services.AddSingleton<ISealedColumn>(s => new SqliteSealedColumn(s.GetRequiredService<SqliteDatabase>(), s.GetRequiredService<Sealer>(), column));
        }

        return services;
    }
}
