using Kpm.Server.Verification;
using Kpm.V1;

namespace Kpm.Server.Pages;

/// <summary>What a form brought.</summary>
internal sealed record PageInput(HttpContext Http, string Token, IReadOnlyDictionary<string, string> Values);

/// <summary>What came of it: the words under this name and their values, or a refusal.</summary>
internal sealed record PageResult(string Done, IReadOnlyDictionary<string, string> Values, PageRefusal? Refusal)
{
    public static PageResult Of(PageRefusal? refusal, string done = "done") => new(done, new Dictionary<string, string>(StringComparer.Ordinal), refusal);
}

/// <summary>A page: where it is, what it asks for beside the mailed token, and the rpc that it calls.</summary>
internal sealed record PageAct(string Path, IReadOnlyList<PageField> Fields, Func<PageInput, Task<PageResult>> ActAsync)
{
    /// <summary>Its section among the words.</summary>
    public string Name => Path[1..];
}

/// <summary>The pages, each with its one rpc.</summary>
internal sealed class PageActs(PageCalls calls, ActivateAccount activateAccount, DiscardPendingAccount discardPendingAccount)
{
    private const string Verification = "/kpm.v1.VerificationService/";

    public IReadOnlyList<PageAct> All =>
    [
        new(PagePaths.Activate, [new("password", "current-password")], ActivateAsync),
        new(PagePaths.Discard, [], DiscardAsync),
    ];

    private async Task<PageResult> ActivateAsync(PageInput input)
    {
        var request = new ActivateAccountRequest { Token = input.Token, Password = input.Values["password"] };
        return PageResult.Of((await calls.CallAsync(input.Http, Verification + "ActivateAccount", request, activateAccount.HandleAsync)).Refusal);
    }

    private async Task<PageResult> DiscardAsync(PageInput input)
    {
        var request = new DiscardPendingAccountRequest { Token = input.Token };
        return PageResult.Of((await calls.CallAsync(input.Http, Verification + "DiscardPendingAccount", request, discardPendingAccount.HandleAsync)).Refusal);
    }
}
