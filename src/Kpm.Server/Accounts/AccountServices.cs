using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Hints;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Accounts;

/// <summary>The slice's parts for the server's container.</summary>
internal static class AccountServices
{
    public static IServiceCollection AddAccounts(this IServiceCollection services) => services
        .AddSingleton<IAccountStore, SqliteAccountStore>()
        .AddSingleton<ISessionStore, SqliteSessionStore>()
        .AddSingleton<IDeviceStore, SqliteDeviceStore>()
        .AddSingleton<CommonPasswords>()
        .AddSingleton<Passwords.PasswordRules>()
        .AddSingleton<IPasswordHasher, BcryptPasswordHasher>()
        .AddSingleton<PasswordHashing>()
        .AddSingleton<SessionTokens>()
        .AddSingleton<SessionIssuer>()
        .AddSingleton<SessionDirectory>()
        .AddSingleton<DeviceProofs>()
        .AddSingleton<KnownDevices>()
        .AddSingleton<SharedKeys>()
        .AddSingleton<IHintStore, SqliteHintStore>()
        .AddSingleton<SignInHints>()
        .AddSingleton<GetSignInHints>()
        .AddSingleton<SignInCompletion>()
        .AddSingleton<Reauthenticator>()
        .AddSingleton<SecurityFeed>()
        .AddSingleton<GetSignInOptions>()
        .AddSingleton<CreateAccount>()
        .AddSingleton<SignIn>()
        .AddSingleton<RefreshSession>()
        .AddSingleton<SignOut>()
        .AddSingleton<GetAccount>()
        .AddSingleton<ListDevices>()
        .AddSingleton<RevokeDevice>()
        .AddSingleton<RenameDevice>()
        .AddSingleton<ApproveSession>()
        .AddSingleton<ListApplications>()
        .AddSingleton<IPasswordStore, SqlitePasswordStore>()
        .AddSingleton<PasswordResets>()
        .AddSingleton<PasswordResetSignal>()
        .AddHostedService<PasswordResetJob>()
        .AddSingleton<ChangePassword>()
        .AddSingleton<StartPasswordReset>()
        .AddSingleton<CompletePasswordReset>()
        .AddSingleton<IEmailChangeStore, SqliteEmailChangeStore>()
        .AddSingleton<StartEmailChange>()
        .AddSingleton<CompleteEmailChange>()
        .AddSingleton<IDeletionStore, SqliteDeletionStore>()
        .AddSingleton<Deletions>()
        .AddSingleton<DeleteAccount>()
        .AddSingleton<CancelDeletion>()
        .AddSingleton<UpdateAccount>()
        .AddSingleton<ISecurityEventStore, SqliteSecurityEventStore>()
        .AddSingleton<ListSecurityEvents>()
        .AddSingleton<IExportStore, SqliteExportStore>()
        .AddSingleton<ExportAccountData>()
        .AddSingleton<AccountGrpcService>()
        .AddSingleton<AccountEndings>()
        .AddHostedService<AccountSweeper>();
}
