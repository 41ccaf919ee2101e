namespace Kpm.Server.Messaging.Sms;

/// <summary>Section <c>Kpm:Sms</c>. Without a carrier, messages are files in a folder.</summary>
internal sealed record SmsOptions
{
    /// <summary>folder (the default), twilio or kannel.</summary>
    public string Sender { get; init; } = "folder";

    /// <summary>Where messages are written as .txt; the folder "sms" of the data folder when empty.</summary>
    public string Folder { get; init; } = "";

    /// <summary>Who the message comes from: a number in E.164 form, or a sender name that the carrier allows.</summary>
    public string From { get; init; } = "";

    /// <summary>The API of Twilio, or of a carrier that speaks the same one.</summary>
    public string TwilioUrl { get; init; } = "https://api.twilio.com";

    /// <summary>The account's id, "AC" and 32 hexadecimal digits.</summary>
    public string TwilioAccountSid { get; init; } = "";

    /// <summary>The API key's id, "SK…", where the token is an API key's secret and not the account's; empty otherwise.</summary>
    public string TwilioApiKeySid { get; init; } = "";

    /// <summary>The token is read from a file, so that it stands in no command line and no environment.</summary>
    public string TwilioAuthTokenFile { get; init; } = "";

    /// <summary>A messaging service "MG…" that picks the sender, in place of From.</summary>
    public string TwilioMessagingServiceSid { get; init; } = "";

    /// <summary>kannel's smsbox, such as http://127.0.0.1:13013.</summary>
    public string KannelUrl { get; init; } = "";

    /// <summary>The username of a sendsms-user.</summary>
    public string KannelUser { get; init; } = "";

    /// <summary>The password is read from a file.</summary>
    public string KannelPasswordFile { get; init; } = "";

    /// <exception cref="StartException">An option can't be.</exception>
    public void Validate()
    {
        if (From.Length > 16 || From.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('+' or ' ')))
        {
            throw new StartException($"Kpm:Sms:From \"{From}\" is no sender: a number in E.164 form or a name of ASCII letters, digits and spaces, at most 16 characters.");
        }

        switch (Sender)
        {
            case "folder":
                break;
            case "twilio":
                ValidateTwilio();
                break;
            case "kannel":
                ValidateKannel();
                break;
            default:
                throw new StartException($"Kpm:Sms:Sender is \"{Sender}\"; it must be folder, twilio or kannel.");
        }
    }

    private void ValidateTwilio()
    {
        CheckUrl(nameof(TwilioUrl), TwilioUrl);
        CheckFile(nameof(TwilioAuthTokenFile), TwilioAuthTokenFile);
        if (TwilioAccountSid.Length == 0 || !TwilioAccountSid.All(char.IsAsciiLetterOrDigit) || !TwilioApiKeySid.All(char.IsAsciiLetterOrDigit))
        {
            throw new StartException("Kpm:Sms:TwilioAccountSid must be set with Sender twilio; it and TwilioApiKeySid are ASCII letters and digits.");
        }

        if ((From.Length > 0) == (TwilioMessagingServiceSid.Length > 0))
        {
            throw new StartException("Kpm:Sms:From or Kpm:Sms:TwilioMessagingServiceSid must be set with Sender twilio, and not both.");
        }
    }

    private void ValidateKannel()
    {
        CheckUrl(nameof(KannelUrl), KannelUrl);
        CheckFile(nameof(KannelPasswordFile), KannelPasswordFile);
        if (KannelUser.Length == 0)
        {
            throw new StartException("Kpm:Sms:KannelUser must be set with Sender kannel.");
        }
    }

    /// <summary>Credentials and codes must not cross a network in clear text.</summary>
    private static void CheckUrl(string name, string value)
    {
        if (!Uri.TryCreate(value, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Query.Length > 0 || url.UserInfo.Length > 0)
        {
            throw new StartException($"Kpm:Sms:{name} \"{value}\" is not an http or https address.");
        }

        if (url.Scheme == "http" && !url.IsLoopback)
        {
            throw new StartException($"Kpm:Sms:{name} is http on another machine: the password and the codes would go over the wire in clear text. Use https, or a tunnel that ends at 127.0.0.1.");
        }
    }

    private static void CheckFile(string name, string path)
    {
        if (!File.Exists(path))
        {
            throw new StartException($"Kpm:Sms:{name} \"{path}\" does not exist; it holds the password for the carrier.");
        }
    }
}
