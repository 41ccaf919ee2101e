using Kpm.Server.Pages;
using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Support;
using Kpm.V1;

namespace Kpm.Server.Tests.Pages;

/// <summary>Each page in Chromium, from the mailed link to what it does, with and without script.</summary>
public sealed class PageBrowserTests(Browser browser) : IClassFixture<Browser>
{
    private const string NewPassword = "Another-Horse-8-Battery";

    [Theory]
    [InlineData("AT", "de", "Konto aktivieren", "Ihr Konto ist aktiv", 390)]
    [InlineData("JP", "ja", "アカウントの有効化", "アカウントが有効になりました", 1000)]
    public async Task The_mailed_link_activates_the_account_with_its_password(string region, string language, string form, string done, int width)
    {
        await using var server = await TestServer.StartAsync();
        using var device = await PendingAsync(server, region, language);
        var visit = new Visit(await LinkAsync(server, device.Account!.Email, PagePaths.Activate)) { Width = width, Language = "fr" };
        var shown = await LookAsync(visit);
        Assert.Equal((200, form), (shown.Status, shown.Heading));

        var wrong = await LookAsync(visit with { Fill = Fields("password", "Wrong-Password-1"), Submit = true, Screenshot = $"activate-wrong-{language}.png" });
        Assert.Equal(403, wrong.Status);
        Assert.Single(wrong.Problems);
        Assert.Equal(AccountState.Pending, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);
        var active = await LookAsync(visit with { Fill = Fields("password", AccountSteps.Password), Submit = true, Screenshot = $"activated-{language}.png" });

        Assert.Equal((200, done), (active.Status, active.Heading));
        Assert.Equal(AccountState.Active, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);
    }

    [Theory]
    [InlineData("FR", "fr", "Ce n’était pas moi", "Le compte est supprimé", 390)]
    [InlineData("GB", "en", "This was not me", "The account is removed", 1000)]
    public async Task The_mailed_link_removes_a_strangers_registration(string region, string language, string form, string done, int width)
    {
        await using var server = await TestServer.StartAsync();
        using var device = await PendingAsync(server, region, language);
        var visit = new Visit(await LinkAsync(server, device.Account!.Email, PagePaths.Discard)) { Width = width };
        Assert.Equal(form, (await LookAsync(visit)).Heading);

        var gone = await LookAsync(visit with { Submit = true, Screenshot = $"discard-{language}.png" });

        Assert.Equal((200, done), (gone.Status, gone.Heading));
        Assert.Equal(0, Snapshot.Rows(server.Database, "account"));
        Assert.Equal(410, (await LookAsync(visit with { Submit = true })).Status);
    }

    [Theory]
    [InlineData("RU", "ru", "Новый пароль учётной записи", "Новый пароль задан", 390, "Не меньше 8 символов.", "Пароли не совпадают.")]
    [InlineData("ES", "es", "Establezca una nueva contraseña", "La nueva contraseña ya es válida", 1000, "Al menos 8 caracteres.", "Las dos contraseñas no coinciden.")]
    public async Task The_mailed_link_sets_a_new_password_and_tells_every_broken_rule(string region, string language, string form, string done, int width, string tooShort, string differs)
    {
        await using var server = await TestServer.StartAsync();
        using var device = await ActiveAsync(server, region, language);
        var email = device.Account!.Email;
        await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email });
        var visit = new Visit(await LinkAsync(server, email, PagePaths.ResetPassword)) { Width = width, Dark = true };
        Assert.Equal(form, (await LookAsync(visit)).Heading);

        var weak = await LookAsync(visit with { Fill = Fields("new_password", "Aa1", "new_password_confirmation", "Aa2"), Submit = true, Screenshot = $"reset-weak-{language}.png" });
        Assert.Equal(422, weak.Status);
        Assert.Equal([tooShort, differs], weak.Problems);
        await server.SignInAsync(email);
        var set = await LookAsync(visit with { Fill = Fields("new_password", NewPassword, "new_password_confirmation", NewPassword), Submit = true, Screenshot = $"reset-{language}.png" });

        Assert.Equal((200, done), (set.Status, set.Heading));
        Assert.Matches(@"\d{4}-\d\d-\d\d \d\d:\d\d UTC", set.Text);
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        using var again = new TestDevice(server.Time);
        Assert.NotNull((await server.Accounts.SignInAsync(new SignInRequest { Email = email, Password = NewPassword, Device = again.Info })).SignedIn);
    }

    [Theory]
    [InlineData("DE", "de", "Bestätigen Sie nun noch die E-Mail an die andere Adresse.", "Ihr Konto hat seine neue Adresse.")]
    [InlineData("JP", "ja", "もう一方のアドレスに届いたメールでも確認してください。", "アカウントのアドレスが変更されました。")]
    public async Task Both_mailed_links_together_change_the_address(string region, string language, string first, string both)
    {
        await using var server = await TestServer.StartAsync();
        using var device = await ActiveAsync(server, region, language);
        var (former, next) = (device.Account!.Email, AccountSteps.NewEmail());
        await server.Accounts.StartEmailChangeAsync(
            new StartEmailChangeRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = LifecycleSteps.Reauthentication(), NewEmail = next }, device.Call);

        var one = await LookAsync(new Visit(await LinkAsync(server, next, PagePaths.ConfirmEmail)) { Submit = true, Screenshot = $"confirm-{language}.png" });
        Assert.Equal(200, one.Status);
        Assert.Contains(first, one.Text, StringComparison.Ordinal);
        Assert.Equal(former, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
        var two = await LookAsync(new Visit(await LinkAsync(server, former, PagePaths.ConfirmEmail)) { Submit = true, Width = 390 });

        Assert.Equal(200, two.Status);
        Assert.Contains(both, two.Text, StringComparison.Ordinal);
        Assert.Equal(next, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
    }

    [Theory]
    [InlineData("FR", "fr", "Conserver votre compte", "Votre compte est conservé")]
    [InlineData("RU", "ru", "Сохранить учётную запись", "Учётная запись сохранена")]
    public async Task The_mailed_link_keeps_an_account_that_was_to_be_deleted(string region, string language, string form, string done)
    {
        await using var server = await TestServer.StartAsync();
        using var device = await ActiveAsync(server, region, language);
        await server.Accounts.DeleteAccountAsync(new DeleteAccountRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = LifecycleSteps.Reauthentication() }, device.Call);
        var visit = new Visit(await LinkAsync(server, device.Account!.Email, PagePaths.CancelDeletion)) { Width = 390 };
        Assert.Equal(form, (await LookAsync(visit)).Heading);

        var kept = await LookAsync(visit with { Submit = true, Screenshot = $"keep-{language}.png" });

        Assert.Equal((200, done), (kept.Status, kept.Heading));
        using var again = await server.SignInAsync(device.Account.Email);
        Assert.Equal(device.Account.AccountId, again.Account!.AccountId);
    }

    [Theory]
    [InlineData("ES", "es", "Cancelado")]
    [InlineData("GB", "en", "Cancelled")]
    public async Task The_mailed_link_undoes_a_change_of_region(string region, string language, string done)
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await ActiveAsync(server, region, language);
        await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));
        Assert.Equal("CH", (await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call)).Account.Region);

        var undone = await LookAsync(new Visit(await LinkAsync(server, owner.Account!.Email, PagePaths.CancelSupport)) { Submit = true, Screenshot = $"cancel-support-{language}.png" });

        Assert.Equal((200, done), (undone.Status, undone.Heading));
        Assert.Equal(region, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call)).Account.Region);
    }

    [Fact]
    public async Task A_key_from_a_mail_without_a_link_can_be_typed()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await PendingAsync(server, "GB", "en");
        var token = (await server.Mails.WaitAsync(device.Account!.Email)).Token;

        var active = await LookAsync(new Visit(server.PagesAddress + PagePaths.Activate)
        {
            Fill = Fields("token", token, "password", AccountSteps.Password), Submit = true, Script = true, Screenshot = "activate-typed-en.png",
        });

        Assert.Equal((200, "Your account is active"), (active.Status, active.Heading));
    }

    private static Dictionary<string, string> Fields(params string[] values) => values.Chunk(2).ToDictionary(p => p[0], p => p[1]);

    private static async Task<TestDevice> PendingAsync(TestServer server, string region, string language)
    {
        var device = new TestDevice(server.Time);
        var request = device.CreateRequest(AccountSteps.NewEmail());
        (request.Region, request.Language) = (region, language);
        var created = (await server.Accounts.CreateAccountAsync(request)).Created;
        (device.Account, device.Session) = (created.Account, created.Session);
        return device;
    }

    private static async Task<TestDevice> ActiveAsync(TestServer server, string region, string language)
    {
        var device = await PendingAsync(server, region, language);
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = (await server.Mails.WaitAsync(device.Account!.Email)).Code }, device.Call);
        return device;
    }

    /// <summary>The link to the page from whichever mail brings it.</summary>
    private static async Task<string> LinkAsync(TestServer server, string email, string path)
    {
        await Eventually.TrueAsync(() => server.Mails.To(email).Any(m => m.Link(path).Length > 0));
        return server.Mails.To(email).Select(m => m.Link(path)).First(l => l.Length > 0);
    }

    /// <summary>Whatever the page, the browser has nothing to say about it, asks nothing else of anybody, shows no token, and need not scroll sideways.</summary>
    private async Task<Shown> LookAsync(Visit visit)
    {
        var shown = await browser.VisitAsync(visit);
        // A refusal has a status that the browser mentions; "verbose" is advice.
        Assert.DoesNotContain(shown.Console, m => !m.Contains("status of 4", StringComparison.Ordinal) && !m.StartsWith("verbose:", StringComparison.Ordinal));
        Assert.All(shown.Requests, r => Assert.EndsWith(new Uri(visit.Url).AbsolutePath, r.Split(' ')[1].Split('?')[0], StringComparison.Ordinal));
        Assert.Equal(visit.Submit ? 2 : 1, shown.Requests.Count);
        Assert.DoesNotContain("kpm-", shown.Text, StringComparison.Ordinal);
        Assert.True(!visit.Submit || !shown.Url.Contains("token=", StringComparison.Ordinal), shown.Url);
        Assert.True(shown.Overflow <= 0, $"{shown.Overflow} pixels too wide");
        return shown;
    }
}
