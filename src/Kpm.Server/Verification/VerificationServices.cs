using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Verification.Checks;
using Kpm.Server.Verification.TwoStep;

namespace Kpm.Server.Verification;

/// <summary>The slice's parts for the server's container.</summary>
internal static class VerificationServices
{
    public static IServiceCollection AddVerification(this IServiceCollection services) => services
        .AddSingleton<IActivationStore, SqliteActivationStore>()
        .AddSingleton<ActivateAccount>()
        .AddSingleton<DiscardPendingAccount>()
        .AddSingleton<ResendActivation>()
        .AddSingleton<CancelSupportCase>()
        .AddSingleton<ActivationMails>()
        .AddGuard()
        .AddTwoStep()
        .AddSingleton<VerificationGrpcService>();
}
