using Google.Protobuf;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Messaging;
using Kpm.Server.Verification;
using Kpm.V1;

namespace Kpm.Server.Pages;

/// <summary>What a form brought.</summary>
internal sealed record PageInput(HttpContext Http, string Token, IReadOnlyDictionary<string, string> Values);

/// <summary>What came of it: the words under this name and their values, or a refusal.</summary>
internal sealed record PageResult(string Done, IReadOnlyDictionary<string, string> Values, PageRefusal? Refusal)
{
    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>(StringComparer.Ordinal);

    public static PageResult Of(string done) => new(done, None, Refusal: null);

    public static PageResult Refused(PageRefusal refusal) => new("", None, refusal);
}

/// <summary>A page: where it is, what it asks for beside the mailed token, and the rpc that it calls.</summary>
internal sealed record PageAct(string Path, IReadOnlyList<PageField> Fields, Func<PageInput, Task<PageResult>> ActAsync)
{
    /// <summary>Its section among the words.</summary>
    public string Name => Path[1..];
}

/// <summary>The pages, each with its one rpc.</summary>
internal sealed class PageActs(
    PageCalls calls,
    ActivateAccount activateAccount,
    DiscardPendingAccount discardPendingAccount,
    CompletePasswordReset completePasswordReset,
    CompleteEmailChange completeEmailChange,
    CancelDeletion cancelDeletion,
    CancelSupportCase cancelSupportCase)
{
    private const string Accounts = "/kpm.v1.AccountService/";
    private const string Verification = "/kpm.v1.VerificationService/";

    public IReadOnlyList<PageAct> All =>
    [
        new(PagePaths.Activate, [new("password", "current-password")], i =>
            CallAsync(i, Verification + "ActivateAccount", new ActivateAccountRequest { Token = i.Token, Password = i.Values["password"] }, activateAccount.HandleAsync)),
        new(PagePaths.Discard, [], i =>
            CallAsync(i, Verification + "DiscardPendingAccount", new DiscardPendingAccountRequest { Token = i.Token }, discardPendingAccount.HandleAsync)),
        new(PagePaths.ResetPassword, [new("new_password", "new-password"), new("new_password_confirmation", "new-password")], ResetPasswordAsync),
        new(PagePaths.ConfirmEmail, [], ConfirmEmailAsync),
        new(PagePaths.CancelDeletion, [], i =>
            CallAsync(i, Accounts + "CancelDeletion", new CancelDeletionRequest { Token = i.Token }, cancelDeletion.HandleAsync)),
        new(PagePaths.CancelSupport, [], i =>
            CallAsync(i, Verification + "CancelSupportCase", new CancelSupportCaseRequest { Token = i.Token }, cancelSupportCase.HandleAsync)),
    ];

    private async Task<PageResult> ResetPasswordAsync(PageInput input)
    {
        var request = new CompletePasswordResetRequest
        {
            Token = input.Token,
            NewPassword = input.Values["new_password"],
            NewPasswordConfirmation = input.Values["new_password_confirmation"],
        };
        var (response, refusal) = await calls.CallAsync<CompletePasswordResetRequest, CompletePasswordResetResponse>(
            input.Http, Accounts + "CompletePasswordReset", request, completePasswordReset.HandleAsync);
        return response is null
            ? PageResult.Refused(refusal!)
            : new PageResult("done", new Dictionary<string, string>(StringComparer.Ordinal) { ["hold_until"] = NoticeMails.Write(response.KeysHeldUntil.ToDateTimeOffset()) }, Refusal: null);
    }

    private async Task<PageResult> ConfirmEmailAsync(PageInput input)
    {
        var (response, refusal) = await calls.CallAsync<CompleteEmailChangeRequest, CompleteEmailChangeResponse>(
            input.Http, Accounts + "CompleteEmailChange", new CompleteEmailChangeRequest { Token = input.Token }, completeEmailChange.HandleAsync);
        return response is null ? PageResult.Refused(refusal!) : PageResult.Of(response.Changed ? "done_changed" : "done");
    }

    /// <summary>For rpcs whose answer tells no more than that it was done.</summary>
    private async Task<PageResult> CallAsync<TRequest, TResponse>(PageInput input, string method, TRequest request, Grpc.Core.UnaryServerMethod<TRequest, TResponse> handler)
        where TRequest : class, IMessage
        where TResponse : class, IMessage =>
        (await calls.CallAsync(input.Http, method, request, handler)).Refusal is { } refusal ? PageResult.Refused(refusal) : PageResult.Of("done");
}
