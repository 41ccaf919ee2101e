using System.Text.RegularExpressions;
using Grpc.Net.Client;
using Kpm.Bench.Load;
using Kpm.V1;

namespace Kpm.Bench.Product;

/// <summary>Sets accounts and devices up through the public contract, as apps do.</summary>
internal static partial class BenchAccounts
{
    public const string Password = "Bench-Passw0rt-7Gn";

    private static int _accounts;

    /// <summary>So many accounts of so many enrolled devices each, in the order of the accounts.</summary>
    public static async Task<List<BenchDevice>> CreateAsync(KpmServer server, int accounts, int devicesEach, CancellationToken cancel)
    {
        using var channel = Channels.One(server.Address);
        var options = await new AccountService.AccountServiceClient(channel).GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "en-GB" }, cancellationToken: cancel);
        var all = new List<BenchDevice>[accounts];
        await Parallel.ForAsync(0, accounts, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancel }, async (i, stop) =>
            all[i] = await CreateAccountAsync(server, channel, options, devicesEach, stop));
        return [.. all.SelectMany(d => d)];
    }

    private static async Task<List<BenchDevice>> CreateAccountAsync(KpmServer server, GrpcChannel channel, GetSignInOptionsResponse options, int devices, CancellationToken cancel)
    {
        var accounts = new AccountService.AccountServiceClient(channel);
        var region = options.Regions.Single(r => r.Code == options.SelectedRegion);
        var email = $"bench-{Interlocked.Increment(ref _accounts)}@example.org";
        var first = new BenchDevice { ApplicationId = region.ApplicationIds[0], Email = email };
        var created = (await accounts.CreateAccountAsync(
            new CreateAccountRequest
            {
                Email = email,
                Password = Password,
                PasswordConfirmation = Password,
                Region = region.Code,
                Language = region.Languages[0],
                ConsentVersion = options.MarketingConsent.Version,
                Device = first.Info(),
            },
            cancellationToken: cancel)).Created;
        first.AccountId = Guid.Parse(created.Account.AccountId);
        first.AccessToken = created.Session.AccessToken;
        var all = new List<BenchDevice> { first };
        if (devices > 1)
        {
            var code = await MailedCodeAsync(server.MailFolder, email, cancel);
            await new VerificationService.VerificationServiceClient(channel).ActivateAccountAsync(new ActivateAccountRequest { Code = code }, first.Headers(), cancellationToken: cancel);
        }

        while (all.Count < devices)
        {
            var next = new BenchDevice { ApplicationId = first.ApplicationId, AccountId = first.AccountId, Email = email };
            var signedIn = (await accounts.SignInAsync(new SignInRequest { Email = email, Password = Password, Device = next.Info() }, cancellationToken: cancel)).SignedIn;
            next.AccessToken = signedIn.Session.AccessToken;
            all.Add(next);
        }

        foreach (var device in all)
        {
            await EnrolAsync(channel, device, cancel);
        }

        all.ForEach(d => d.Cursor = (ulong)all.Count);
        return all;
    }

    private static async Task EnrolAsync(GrpcChannel channel, BenchDevice device, CancellationToken cancel)
    {
        var response = await new VaultService.VaultServiceClient(channel).PublishDeviceKeyAsync(
            new PublishDeviceKeyRequest { Operation = device.Enrol() },
            device.Headers(),
            cancellationToken: cancel);
        if (response.Result.ResultCase != OperationResult.ResultOneofCase.Applied)
        {
            throw new InvalidOperationException($"A device was not enrolled: {response.Result}");
        }
    }

    /// <summary>Waits for the activation mail and reads its code of six digits.</summary>
    private static async Task<string> MailedCodeAsync(string folder, string email, CancellationToken cancel)
    {
        for (var tries = 0; tries < 300; tries++)
        {
            foreach (var file in Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.eml") : [])
            {
                var mail = await File.ReadAllTextAsync(file, cancel);
                if (mail.Contains(email, StringComparison.OrdinalIgnoreCase) && Code().Match(mail) is { Success: true } match)
                {
                    return match.Value;
                }
            }

            await Task.Delay(100, cancel);
        }

        throw new InvalidOperationException($"No activation mail came within 30 s: {folder}");
    }

    [GeneratedRegex(@"(?<![\w=/+-])\d{6}(?![\w=/+-])", RegexOptions.None, 1_000)]
    private static partial Regex Code();
}
