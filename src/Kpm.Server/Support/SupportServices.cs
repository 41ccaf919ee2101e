using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Support;

internal static class SupportServices
{
    public static IServiceCollection AddSupport(this IServiceCollection services) => services
        .AddSingleton<IOperatorStore, SqliteOperatorStore>()
        .AddSingleton<ISupportStore, SqliteSupportStore>()
        .AddSingleton<Operators>()
        .AddSingleton<SupportMails>()
        .AddSingleton<CaseProposals>()
        .AddSingleton<CaseApprovals>()
        .AddSingleton<FindAccount>()
        .AddSingleton<ProposeTwoStepReset>()
        .AddSingleton<ApproveTwoStepReset>()
        .AddSingleton<ProposeRegionChange>()
        .AddSingleton<ApproveRegionChange>()
        .AddSingleton<UndoRegionChange>()
        .AddSingleton<SuspendAccount>()
        .AddSingleton<ListAuditLog>()
        .AddSingleton<ListSupportCases>()
        .AddSingleton<SupportGrpcService>()
        .AddHostedService<SupportSweeper>();
}
