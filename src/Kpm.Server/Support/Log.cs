using Kpm.V1;

namespace Kpm.Server.Support;

internal static partial class Log
{
    [LoggerMessage(5001, LogLevel.Information, "{Kind} {CaseId} of account {AccountId} was proposed by operator {OperatorId}.")]
    public static partial void CaseProposed(ILogger logger, SupportCaseKind kind, Guid caseId, Guid accountId, Guid operatorId);

    [LoggerMessage(5002, LogLevel.Information, "{Kind} {CaseId} of account {AccountId} was approved by operator {OperatorId}.")]
    public static partial void CaseApproved(ILogger logger, SupportCaseKind kind, Guid caseId, Guid accountId, Guid operatorId);

    [LoggerMessage(5003, LogLevel.Information, "The change of region {CaseId} of account {AccountId} was undone by operator {OperatorId}.")]
    public static partial void CaseUndone(ILogger logger, Guid caseId, Guid accountId, Guid operatorId);

    [LoggerMessage(5004, LogLevel.Information, "Case {CaseId} of account {AccountId} was cancelled by its owner.")]
    public static partial void CaseCancelled(ILogger logger, Guid caseId, Guid accountId);

    [LoggerMessage(5005, LogLevel.Information, "Two-step verification of account {AccountId} was reset by case {CaseId}.")]
    public static partial void TwoStepWasReset(ILogger logger, Guid caseId, Guid accountId);

    [LoggerMessage(5006, LogLevel.Information, "Account {AccountId} is suspended: {Suspended}; by operator {OperatorId}.")]
    public static partial void SuspensionChanged(ILogger logger, Guid accountId, bool suspended, Guid operatorId);

    [LoggerMessage(5007, LogLevel.Error, "Cases of support that are due could not be carried out; the next round tries again.")]
    public static partial void SweepFailed(ILogger logger, Exception exception);

    [LoggerMessage(5008, LogLevel.Warning, "A call with a wrong operator's credential was refused.")]
    public static partial void CredentialRefused(ILogger logger);
}
