using Grpc.Core;
using Kpm.Client;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>Errors as a sentence that says what to do, and as an exit code.</summary>
internal static class ErrorText
{
    public static (string Text, int Code)? Of(Exception error, Uri server) => error switch
    {
        UsageException => (error.Message, ExitCodes.Usage),
        SupportOfflineException => (error.Message, ExitCodes.Offline),
        StepNeededException => (error.Message, ExitCodes.StepNeeded),
        ProviderRefusedException => ($"{error.Message} Nothing was changed.", ExitCodes.NotSignedIn),
        KeysHeldException held => (
            $"The vault stays closed on this device until {held.Until:u}, since the account password was reset by mail. To open it now, run kpm devices approve on a device that was connected before, or kpm devices approve --this with a second factor here.",
            ExitCodes.Failed),
        NotFoundException => (error.Message, ExitCodes.NotFound),
        LocalStoreException => (error.Message, ExitCodes.Failed),
        WeakMainPasswordException weak => ($"The main password is refused. {weak.Message}", ExitCodes.Usage),
        VaultMissingException => ("The account has no vault yet. Run a command that opens it, such as kpm list, to choose its main password.", ExitCodes.Failed),
        SignedOutException { InnerException: ServerException { Reason: ErrorReason.RefreshTokenReused } } =>
            ("This session was ended because its token was used twice, as by a copy of the data folder. Run kpm sign-in.", ExitCodes.NotSignedIn),
        SignedOutException => ("You are not signed in. Run kpm sign-in, or kpm create-account.", ExitCodes.NotSignedIn),
        ServerException refused => Of(refused, server),
        SyncStoppedException stopped => Of(stopped.Reason),
        Kpm1Exception refused => Of(refused.Error),
        _ => null,
    };

    private const string Restored =
        "The server has less than this device: a backup was restored, or someone rolled it back. Nothing was changed here; ask who runs the server. If it was a backup, run kpm sync --accept-restore: what the server has lost is sent again.";

    /// <summary>An account password that is refused, with every rule that it breaks.</summary>
    public static string OfPassword(ServerException error) => "The account password is refused:" + List(error);

    private static (string Text, int Code) Of(ServerException error, Uri server) => error.Reason switch
    {
        ErrorReason.WrongCredentials => ("The e-mail address or the account password is wrong. An account that is not activated yet can't be signed in to: use the mail that was sent.", ExitCodes.NotSignedIn),
        ErrorReason.EmailInUse => ("There is an account with this e-mail address already. Run kpm sign-in.", ExitCodes.Failed),
        ErrorReason.PasswordRejected => (OfPassword(error), ExitCodes.Usage),
        ErrorReason.InvalidRequest => ("The server refuses the input:" + List(error), ExitCodes.Usage),
        ErrorReason.ActivationRequired => ("The account must be activated first: run kpm activate with the code of the mail.", ExitCodes.Failed),
        ErrorReason.AlreadyActivated => ("The account is activated already.", ExitCodes.Failed),
        ErrorReason.ActivationInvalid => ("The token or code is wrong, used or expired. Run kpm resend-activation for another mail.", ExitCodes.Failed),
        ErrorReason.DeviceConflict => ("The server does not take this device any more. Use another data folder.", ExitCodes.Failed),
        ErrorReason.DeviceProofInvalid => ("The server refuses this device's proof. Is this computer's clock right?", ExitCodes.Failed),
        ErrorReason.SecondFactorRequired => ("Two-step verification is on: run the command again with --factor authenticator, sms or recovery, and give the code.", ExitCodes.StepNeeded),
        ErrorReason.SecondFactorInvalid => ("The code is wrong, used or expired. Each code works once: wait for the next one, or use a recovery code.", ExitCodes.NotSignedIn),
        ErrorReason.TicketInvalid => ("That took too long, or was done already. Run the command again from its beginning.", ExitCodes.Failed),
        ErrorReason.TokenInvalid => ("The token of the mail is wrong, used or expired. Ask for another mail.", ExitCodes.Failed),
        ErrorReason.FactorNotSetUp => ("The account does not have this factor. See kpm two-step.", ExitCodes.Failed),
        ErrorReason.KeysHeld => ("The vault's keys are held back, since the account password was reset by mail. Run kpm devices approve on a device that was connected before, or kpm devices approve --this with a second factor here.", ExitCodes.Failed),
        ErrorReason.ProviderUnavailable => ("The provider can't be reached at the moment. Try again later, or sign in another way.", ExitCodes.Offline),
        ErrorReason.IdentityRejected => ("The provider's answer was not accepted. Run the command again; if it stays so, sign in another way.", ExitCodes.NotSignedIn),
        ErrorReason.IdentityInUse => ("Another account has this identity. Sign in to that one and run kpm identities unlink there first.", ExitCodes.Failed),
        ErrorReason.LastSignInMethod => ("It is the last way to sign in. Set a password (kpm password change) or link another identity first.", ExitCodes.Failed),
        ErrorReason.MethodNotAvailable => ("This way to sign in is not open in your region, or not on this server. Use another one.", ExitCodes.Failed),
        ErrorReason.AccountSuspended => ("Support has suspended this account. The mail says why, and whom to ask.", ExitCodes.NotSignedIn),
        ErrorReason.SessionInvalid => ("This session has ended. Run kpm sign-in.", ExitCodes.NotSignedIn),
        ErrorReason.OperatorInvalid => ("The operator's credential is missing, unknown or withdrawn. Ask who runs the server for another: kpm-server operator add NAME.", ExitCodes.NotSignedIn),
        ErrorReason.SecondOperatorRequired => ("You have proposed this yourself: another operator must approve it.", ExitCodes.Failed),
        ErrorReason.CaseNotOpen => ("The case is not at this step: it is approved, undone, cancelled or expired already. See kpm support cases.", ExitCodes.Failed),
        ErrorReason.RateLimited => ($"Too many tries. Wait {Wait(error)} and try again.", ExitCodes.Failed),
        ErrorReason.UpgradeRequired => ("The server needs a newer version of kpm. Update it.", ExitCodes.Failed),
        ErrorReason.NotFound => ("There is no such thing in your account.", ExitCodes.NotFound),
        ErrorReason.Internal => ($"The server failed. Its log has the details under {error.Metadata.GetValueOrDefault("correlation_id", "no id")}.", ExitCodes.Failed),
        _ when error.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded => ($"The server at {server} can't be reached. Is it running, and is --server right?", ExitCodes.Offline),
        _ => ($"The server answered: {error.Message}", ExitCodes.Failed),
    };

    private static (string Text, int Code) Of(SyncStop reason) => reason switch
    {
        SyncStop.GenerationChanged or SyncStop.CursorAhead => (Restored, ExitCodes.Untrusted),
        SyncStop.ChainMismatch => (
            "The server shows another history than this device has seen. Nothing was changed here; do not trust this server before that is explained. If it was a restored backup, run kpm sync --accept-restore.",
            ExitCodes.Untrusted),
        SyncStop.Replaced => ("Another program took over with this device's identity. Never copy a data folder to a second computer: sign in there instead.", ExitCodes.Failed),
        SyncStop.DeviceFork => ("The server has other operations of this device: its data folder was copied or restored. Use a new data folder and sign in again.", ExitCodes.Untrusted),
        SyncStop.PasswordChanged => ("The account password was changed on another device, which signs all others out. What this device has stays; run kpm sign-in with the new password.", ExitCodes.NotSignedIn),
        SyncStop.AccountDeleted => ("The account is going to be deleted, or is gone. What this device has stays. To keep the account, run kpm sign-in --keep.", ExitCodes.NotSignedIn),
        SyncStop.AccountSuspended => ("Support has suspended this account. The mail says why, and whom to ask.", ExitCodes.NotSignedIn),
        SyncStop.SignedOut => ("This session was signed out.", ExitCodes.NotSignedIn),
        _ => ("This device was revoked. Its copy of the vault stays encrypted; sign in again to enrol anew.", ExitCodes.NotSignedIn),
    };

    private static (string Text, int Code) Of(Kpm1Error error) => error switch
    {
        Kpm1Error.PasswordWrong => ("The main password is wrong.", ExitCodes.NotSignedIn),
        Kpm1Error.PasswordInvalid => ("This can't be a main password: use 1 to 1,024 bytes of well-formed text.", ExitCodes.Usage),
        Kpm1Error.SuiteUnknown or Kpm1Error.SchemaUnknown => ("This was written by a newer version of kpm. Update it.", ExitCodes.Failed),
        Kpm1Error.Rollback or Kpm1Error.GenerationChanged => (Restored, ExitCodes.Untrusted),
        Kpm1Error.AttachmentInvalid => ("A file can have 50 MiB at most. Where it was fetched: the server's bytes are not what was uploaded, and nothing was written.", ExitCodes.Untrusted),
        Kpm1Error.KeyEpochUnknown => ("The vault has new keys. Run the command again.", ExitCodes.Failed),
        Kpm1Error.ItemTooLarge => ("The item is too large: at most 258,000 bytes, history and kept values included.", ExitCodes.Usage),
        _ => ($"The server's data is not what your devices wrote ({Kpm1Exception.NameOf(error)}). Nothing of it was used; do not trust this server before that is explained.", ExitCodes.Untrusted),
    };

    private static string List(ServerException error) => error.Violations.Count == 0
        ? " " + error.Message
        : string.Concat(error.Violations.Select(violation => $"{Environment.NewLine}  - {violation.Field.Replace('_', ' ')}: {violation.Description}"));

    private static string Wait(ServerException error) => error.RetryAfter is { } wait ? $"{Math.Ceiling(wait.TotalSeconds)} s" : "a moment";
}
