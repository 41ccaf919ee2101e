using Kpm.Cli.Pictures;
using Kpm.V1;

namespace Kpm.Cli.Dialogues;

/// <summary>Takes a person through the Security Check: the picture on the screen and in a file, or a code by mail.</summary>
internal static class SecurityChecks
{
    /// <summary>
    /// Makes the call, and again with an answer for as long as the server demands one. The address is the one that a
    /// code can be mailed to; null where it is not known.
    /// </summary>
    public static async Task<T> PassAsync<T>(
        Invocation run, string? email, Func<SecurityCheckAnswer?, Task<(T? Value, SecurityCheck? Check)>> call, CancellationToken cancellationToken)
        where T : class
    {
        SecurityCheckAnswer? answer = null;
        while (true)
        {
            var (value, check) = await call(answer);
            if (check is null)
            {
                return value!;
            }

            if (answer is not null)
            {
                run.Terminal.Note("That was not it.");
            }

            answer = await AskAsync(run, email, check, cancellationToken);
        }
    }

    private static async Task<SecurityCheckAnswer> AskAsync(Invocation run, string? email, SecurityCheck check, CancellationToken cancellationToken)
    {
        var path = Path.Combine(run.Folder, "security-check.png");
        try
        {
            run.Terminal.Note($"Security Check: type the {check.Length} characters of the picture. Their case does not matter.");
            while (true)
            {
                if (!check.PicturePng.IsEmpty)
                {
                    await ShowAsync(run, path, check.PicturePng.ToByteArray(), cancellationToken);
                }

                var mail = email is null ? "" : ", or m to get a code by mail";
                var text = run.Terminal.Code(check.PicturePng.IsEmpty ? "Code of the mail (n for a picture)" : $"Characters, all of {check.Alphabet} (n for another picture{mail})");
                switch (text)
                {
                    case "n" or "N":
                        check = await run.Client.Registration.NewPictureAsync(cancellationToken);
                        break;
                    case "m" or "M" when email is not null:
                        check = await run.Client.Registration.MailCheckCodeAsync(email, System.Globalization.CultureInfo.CurrentUICulture.Name, cancellationToken);
                        run.Terminal.Note($"A code is on its way to {email}.");
                        break;
                    default:
                        return new SecurityCheckAnswer { CheckId = check.CheckId, Answer = text };
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task ShowAsync(Invocation run, string path, byte[] png, CancellationToken cancellationToken)
    {
        await File.WriteAllBytesAsync(path, png, cancellationToken);
        if (GreyPicture.FromPng(png) is { } picture)
        {
            run.Terminal.Draw(picture);
        }

        run.Terminal.Note($"The picture is in {path} too.");
    }
}
