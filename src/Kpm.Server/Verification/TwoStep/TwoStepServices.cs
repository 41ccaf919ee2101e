using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>Two-step verification's parts for the server's container.</summary>
internal static class TwoStepServices
{
    public static IServiceCollection AddTwoStep(this IServiceCollection services) => services
        .AddSingleton<ITwoStepStore, SqliteTwoStepStore>()
        .AddSingleton<IOneTimePasswords, OneTimePasswords>()
        .AddSingleton<FactorSeal>()
        .AddSingleton<RecoveryCodes>()
        .AddSingleton<SmsCodes>()
        .AddSingleton<SecondFactors>()
        .AddSingleton<TwoStepSignIns>()
        .AddSingleton<FactorNotices>()
        .AddSingleton<FactorSetUps>()
        .AddSingleton<SmsSending>()
        .AddSingleton<SendSignInCode>()
        .AddSingleton<CompleteTwoStep>()
        .AddSingleton<GetTwoStepSettings>()
        .AddSingleton<StartAuthenticator>()
        .AddSingleton<ConfirmAuthenticator>()
        .AddSingleton<StartPhone>()
        .AddSingleton<ConfirmPhone>()
        .AddSingleton<RemoveFactor>()
        .AddSingleton<GenerateRecoveryCodes>()
        .AddSingleton<ListTrustedDevices>()
        .AddSingleton<ForgetTrustedDevice>();
}
