using System.CommandLine;
using Kpm.Client.Accounts;
using Kpm.V1;

namespace Kpm.Cli.Dialogues;

/// <summary>Asks for a second factor.</summary>
internal static class SecondFactors
{
    /// <summary>Which factor a script brings; a person is asked.</summary>
    public static readonly Option<TwoStepMethod?> Factor = new("--factor")
    {
        Description = "The second factor where two-step verification is on: authenticator, sms or recovery",
        CustomParser = result => result.Tokens.Count == 1 ? Parse(result.Tokens[0].Value, result.AddError) : null,
    };

    /// <summary>Asks for one of the methods; sends the SMS where that is the one.</summary>
    public static async Task<SecondFactor> AskAsync(
        Invocation run,
        IReadOnlyList<TwoStepMethod> methods,
        string? email,
        Func<SecurityCheckAnswer?, Task<Guarded<CodeSent>>> sendCode,
        CancellationToken cancellationToken)
    {
        switch (run.Value(Factor) ?? Choose(run, methods))
        {
            case TwoStepMethod.Sms:
                var sent = await SecurityChecks.PassAsync(run, email, async answer => ToPair(await sendCode(answer)), cancellationToken);
                run.Terminal.Note($"A code is on its way to {sent.MaskedPhone}.");
                return new SecondFactor { SmsCode = Digits(run.Terminal.Code($"The {sent.Digits} digits of the SMS")) };
            case TwoStepMethod.RecoveryCode:
                return new SecondFactor { RecoveryCode = run.Terminal.Code("Recovery code") };
            default:
                return new SecondFactor { AuthenticatorCode = Digits(run.Terminal.Code("The 6 digits of your authenticator app")) };
        }
    }

    /// <summary>What the account can be asked for.</summary>
    public static IReadOnlyList<TwoStepMethod> MethodsOf(GetTwoStepSettingsResponse settings)
    {
        List<TwoStepMethod> methods = [];
        if (settings.AuthenticatorSince is not null)
        {
            methods.Add(TwoStepMethod.Authenticator);
        }

        if (settings.PhoneSince is not null)
        {
            methods.Add(TwoStepMethod.Sms);
        }

        if (settings.RecoveryCodes.Any(code => code.UsedAt is null))
        {
            methods.Add(TwoStepMethod.RecoveryCode);
        }

        return methods;
    }

    public static (T? Value, SecurityCheck? Check) ToPair<T>(Guarded<T> guarded)
        where T : class => (guarded.Value, guarded.Check);

    /// <summary>Digits as people copy them, in groups.</summary>
    public static string Digits(string text) => text.Replace(" ", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal);

    private static TwoStepMethod Choose(Invocation run, IReadOnlyList<TwoStepMethod> methods)
    {
        if (methods.Count == 0)
        {
            return TwoStepMethod.RecoveryCode;
        }

        return methods.Count == 1 || !Terminal.Interactive ? methods[0] : run.Terminal.Choose("Two-step verification", methods, Describe);
    }

    private static string Describe(TwoStepMethod method) => method switch
    {
        TwoStepMethod.Authenticator => "Authenticator app",
        TwoStepMethod.Sms => "Code by SMS",
        _ => "Recovery code",
    };

    private static TwoStepMethod? Parse(string text, Action<string> addError)
    {
        TwoStepMethod? method = text switch
        {
            "authenticator" => TwoStepMethod.Authenticator,
            "sms" => TwoStepMethod.Sms,
            "recovery" => TwoStepMethod.RecoveryCode,
            _ => null,
        };
        if (method is null)
        {
            addError("--factor must be authenticator, sms or recovery.");
        }

        return method;
    }
}
