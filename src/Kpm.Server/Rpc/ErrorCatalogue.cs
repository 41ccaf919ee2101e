using System.Collections.Frozen;
using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>A reason's code on the wire, its text for developers, and what a client does about it.</summary>
internal sealed record ErrorEntry(ErrorReason Reason, StatusCode Code, string Text, string ClientAction)
{
    /// <summary>The reason as ErrorInfo carries it: <c>EMAIL_IN_USE</c>.</summary>
    public string Name { get; } = ErrorCatalogue.NameOf(Reason);
}

/// <summary>Every error that the server answers with. docs/errors.md shows the same rows; a test compares them.</summary>
internal static class ErrorCatalogue
{
    private static readonly FrozenDictionary<ErrorReason, ErrorEntry> ByReason = Entries().ToFrozenDictionary(e => e.Reason);

    public static IEnumerable<ErrorEntry> All => ByReason.Values.OrderBy(e => (int)e.Reason);

    public static ErrorEntry Of(ErrorReason reason) => ByReason[reason];

    /// <summary>The enum value's name in the contract without its prefix.</summary>
    public static string NameOf(ErrorReason reason) =>
        ErrorReasonReflection.Descriptor.EnumTypes[0].FindValueByNumber((int)reason).Name["ERROR_REASON_".Length..];

    private static ErrorEntry[] Entries() =>
    [
        new(ErrorReason.InvalidRequest, StatusCode.InvalidArgument, "A field of the request breaks its constraints.", "Correct the fields that BadRequest names; do not retry as it is."),
        new(ErrorReason.Internal, StatusCode.Internal, "Something failed inside the server.", "Show the correlation id; retry later only what is safe to repeat."),
        new(ErrorReason.Unavailable, StatusCode.Unavailable, "The server can't take the call now.", "Retry after RetryInfo's delay, with jitter."),
        new(ErrorReason.RateLimited, StatusCode.ResourceExhausted, "A queue is full or a rate is exceeded.", "Retry after RetryInfo's delay."),
        new(ErrorReason.UpgradeRequired, StatusCode.FailedPrecondition, "The app speaks a version of the contract that is no longer served.", "Ask the person to update the app."),
        new(ErrorReason.RequestIdReused, StatusCode.Aborted, "The request_id was used before with other content.", "A defect of the client: mint a new id for each intent."),
        new(ErrorReason.SessionInvalid, StatusCode.Unauthenticated, "There is no access token, or it is unknown, expired or ended.", "Refresh the session once; if that fails, sign in."),
        new(ErrorReason.WrongCredentials, StatusCode.Unauthenticated, "The address and the password do not open an account.", "Ask the person again. The same answer covers an unknown address and a pending account."),
        new(ErrorReason.RefreshTokenInvalid, StatusCode.Unauthenticated, "The refresh token is unknown, expired or ended.", "Sign in."),
        new(ErrorReason.RefreshTokenReused, StatusCode.Unauthenticated, "A refresh token was used twice: its session is ended.", "Sign in, and tell the person that a token of this device may have been copied."),
        new(ErrorReason.DeviceProofInvalid, StatusCode.Unauthenticated, "The device's proof is wrong, stale or replayed.", "Make a new proof; check the device's clock."),
        new(ErrorReason.ActivationRequired, StatusCode.FailedPrecondition, "The account must be activated first.", "Show the activation step."),
        new(ErrorReason.AlreadyActivated, StatusCode.FailedPrecondition, "The account is activated already.", "Go on as activated."),
        new(ErrorReason.ActivationInvalid, StatusCode.FailedPrecondition, "The activation token or code is wrong, used or expired.", "Ask again, or offer to resend."),
        new(ErrorReason.EmailInUse, StatusCode.AlreadyExists, "An activated account holds the address.", "Offer to sign in."),
        new(ErrorReason.PasswordRejected, StatusCode.InvalidArgument, "The password breaks rules.", "Show every broken rule; BadRequest names each."),
        new(ErrorReason.DeviceConflict, StatusCode.FailedPrecondition, "The device id belongs to another key or was revoked.", "Mint a new device id and key, and enrol anew."),
        new(ErrorReason.NotFound, StatusCode.NotFound, "There is no such object for this account.", "Reload the list that it came from."),
        new(ErrorReason.SecondFactorRequired, StatusCode.FailedPrecondition, "Two-step verification is on, and the call brings no second factor.", "Ask for a code and repeat the call with it."),
        new(ErrorReason.SecondFactorInvalid, StatusCode.Unauthenticated, "The second factor is wrong, used or expired.", "Ask the person again, or offer another factor."),
        new(ErrorReason.TicketInvalid, StatusCode.FailedPrecondition, "The ticket is unknown, used or expired.", "Begin the flow again."),
        new(ErrorReason.TokenInvalid, StatusCode.FailedPrecondition, "The mailed token is wrong, used or expired.", "Offer to send another mail."),
        new(ErrorReason.FactorNotSetUp, StatusCode.FailedPrecondition, "The account does not have this factor.", "Reload the settings; offer another factor."),
        new(ErrorReason.ProtocolViolation, StatusCode.FailedPrecondition, "The message is not legal at this point of the stream.", "A defect of the client."),
        new(ErrorReason.StreamStalled, StatusCode.Aborted, "The client left too much unacknowledged for too long, or said nothing.", "Resume from the cursor."),
        new(ErrorReason.MinSeqNotReached, StatusCode.Unavailable, "The log did not reach min_seq in time.", "Retry after RetryInfo's delay."),
        new(ErrorReason.KeysHeld, StatusCode.FailedPrecondition, "The session signed in after a password reset, and may not do this yet.", "Approve it from another device or with a second factor, or wait until keys_held_until."),
        new(ErrorReason.CheckpointMismatch, StatusCode.FailedPrecondition, "The checkpoint does not say what the log says.", "Compare the own copy with the log once more; if it holds, tell the person."),
        new(ErrorReason.QuotaExceeded, StatusCode.ResourceExhausted, "The quota of bytes has no room for the attachment.", "Tell the person; nothing was stored. Retry when something was removed."),
        new(ErrorReason.AttachmentMismatch, StatusCode.Aborted, "The attachment was begun with another size or hash, or its bytes do not have the promised hash and were dropped.", "Encrypt the attachment anew, under a new id."),
        new(ErrorReason.OffsetInvalid, StatusCode.OutOfRange, "The offset lies above what has arrived, or beyond the end.", "Ask GetAttachmentUpload where to go on."),
        new(ErrorReason.ProviderUnavailable, StatusCode.Unavailable, "The provider of the identity can't be reached.", "Retry after RetryInfo's delay, or offer another way to sign in."),
        new(ErrorReason.IdentityRejected, StatusCode.Unauthenticated, "The provider refused, or what it answered does not hold.", "Begin the flow again."),
        new(ErrorReason.IdentityInUse, StatusCode.AlreadyExists, "Another account has the identity.", "Sign in with it, or unlink it there first."),
        new(ErrorReason.LastSignInMethod, StatusCode.FailedPrecondition, "It is the last way to sign in.", "Set a password or link another identity first."),
        new(ErrorReason.MethodNotAvailable, StatusCode.FailedPrecondition, "The way to sign in is not open in the region or not configured.", "Reload the sign-in options."),
        new(ErrorReason.AccountSuspended, StatusCode.PermissionDenied, "Support suspended the account.", "Tell the person to contact support."),
        new(ErrorReason.OperatorInvalid, StatusCode.Unauthenticated, "The operator's credential is missing, unknown or withdrawn.", "Ask the administrator for a new one."),
        new(ErrorReason.SecondOperatorRequired, StatusCode.FailedPrecondition, "The operator who proposed can't approve.", "Another operator approves."),
        new(ErrorReason.CaseNotOpen, StatusCode.FailedPrecondition, "The case is not at this step.", "Reload the case."),
        new(ErrorReason.CaseOpen, StatusCode.FailedPrecondition, "The account has an open case of the kind.", "Go on with that case."),
    ];
}
