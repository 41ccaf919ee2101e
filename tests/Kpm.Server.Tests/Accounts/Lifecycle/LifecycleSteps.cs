using System.Text.RegularExpressions;
using Kpm.Server.Messaging;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

/// <summary>The steps that tests of an account's life begin with.</summary>
internal static class LifecycleSteps
{
    public const string NewPassword = "Another-Horse-8-Saddle";

    private const int Racers = 64;

    public static string NewId() => Guid.CreateVersion7().ToString("D");

    public static Reauthentication Reauthentication(string password = AccountSteps.Password) => new() { Password = password };

    /// <summary>The n-th mailed token that begins so, once it is there.</summary>
    public static async Task<string> TokenAsync(this TestServer server, string address, string prefix, int count = 1)
    {
        string[] found = [];
        await Eventually.TrueAsync(() => (found = [.. server.Mails.To(address).Select(m => TokenIn(m, prefix)).Where(t => t.Length > 0)]).Length >= count);
        return found[count - 1];
    }

    /// <summary>The owner has been told, by this template.</summary>
    public static async Task<ReceivedMail> MailedAsync(this TestServer server, string address, string template)
    {
        ReceivedMail? found = null;
        await Eventually.TrueAsync(() => (found = server.FindMail(address, template)) is not null);
        return found!;
    }

    public static ReceivedMail? FindMail(this TestServer server, string address, string template)
    {
        const string anything = "\u0001";
        var values = MailTemplates.PlaceholdersOf(template, "de").ToDictionary(n => n, _ => anything, StringComparer.Ordinal);
        var subject = Regex.Escape(server.Services.GetRequiredService<MailTemplates>().Render(template, "de", values).Subject).Replace(anything, ".*", StringComparison.Ordinal);
        return server.Mails.To(address).FirstOrDefault(m => Regex.IsMatch(m.Subject, $"^{subject}$"));
    }

    /// <summary>Asks for a reset and reads the mail; the n-th one of the address.</summary>
    public static async Task<string> ResetTokenAsync(this TestServer server, string email, int count = 1)
    {
        await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email });
        return await server.TokenAsync(email, "kpm-reset-", count);
    }

    public static CompletePasswordResetRequest ResetRequest(string token, string password = NewPassword) =>
        new() { Token = token, NewPassword = password, NewPasswordConfirmation = password };

    /// <summary>What somebody with the mailbox, and nothing else, can do.</summary>
    public static async Task ResetPasswordAsync(this TestServer server, string email, string password = NewPassword)
    {
        // What was linked before and what comes after are told apart by the clock.
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        await server.Accounts.CompletePasswordResetAsync(ResetRequest(await server.ResetTokenAsync(email), password));
    }

    /// <summary>A new activated account at an address that was mailed to before.</summary>
    public static async Task<TestDevice> CreateActiveAgainAsync(this TestServer server, string email)
    {
        var former = server.Mails.To(email).Count(m => m.Code.Length > 0);
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        var device = await server.CreatePendingAsync(email);
        string[] codes = [];
        await Eventually.TrueAsync(() => (codes = [.. server.Mails.To(email).Select(m => m.Code).Where(c => c.Length > 0)]).Length > former);
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = codes[^1] }, device.Call);
        return device;
    }

    /// <summary>Another device, or the same one again, with the password after a reset.</summary>
    public static async Task<TestDevice> ConnectAsync(this TestServer server, string email, string password, TestDevice? device = null, bool proven = false)
    {
        device ??= new TestDevice(server.Time);
        var response = await server.Accounts.SignInAsync(proven ? device.ProvenSignInRequest(email, password) : device.SignInRequest(email, password));
        Assert.Equal(SignInResponse.OutcomeOneofCase.SignedIn, response.OutcomeCase);
        device.Account = response.SignedIn.Account;
        device.Session = response.SignedIn.Session;
        return device;
    }

    /// <summary>All events of the account, oldest first, read page by page.</summary>
    public static async Task<IReadOnlyList<SecurityEvent>> EventsAsync(this TestServer server, TestDevice device, int pageSize = 3)
    {
        var events = new List<SecurityEvent>();
        var page = new ListSecurityEventsResponse();
        do
        {
            page = await server.Accounts.ListSecurityEventsAsync(new ListSecurityEventsRequest { PageSize = pageSize, PageToken = page.NextPageToken }, device.Call);
            Assert.True(page.Events.Count <= pageSize);
            events.AddRange(page.Events);
        }
        while (page.NextPageToken.Length > 0);
        events.Reverse();
        return events;
    }

    public static async Task<IReadOnlyList<SecurityEventKind>> KindsAsync(this TestServer server, TestDevice device) => [.. (await server.EventsAsync(device)).Select(e => e.Kind)];

    /// <summary>Runs the call 64 times at once: one succeeds, the others are refused for this reason.</summary>
    public static async Task OneWinsAsync(ErrorReason loser, Func<Task> call)
    {
        var results = await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => Task.Run(async () =>
        {
            try
            {
                await call();
                return "";
            }
            catch (Grpc.Core.RpcException e)
            {
                return RefusedCall.Of(e).Info.Reason;
            }
        })));

        Assert.Single(results, r => r.Length == 0);
        Assert.All(results.Where(r => r.Length > 0), r => Assert.Equal(Kpm.Server.Rpc.ErrorCatalogue.NameOf(loser), r));
    }

    private static string TokenIn(ReceivedMail mail, string prefix) => Regex.Match(mail.Text, Regex.Escape(prefix) + "[A-Za-z0-9_-]{43}").Value;
}
