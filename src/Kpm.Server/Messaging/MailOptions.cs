using Kpm.Server.Accounts;

namespace Kpm.Server.Messaging;

/// <summary>Section <c>Kpm:Mail</c>. Without an SMTP server, mails are files in a folder.</summary>
internal sealed record MailOptions
{
    /// <summary>Where mails are written as .eml; the folder "mail" of the data folder when empty.</summary>
    public string Folder { get; init; } = "";

    /// <summary>The sender's address.</summary>
    public string From { get; init; } = "no-reply@kpm.example";

    /// <summary>The sender's name.</summary>
    public string FromName { get; init; } = "Kpm";

    /// <summary>What mails and pages call the product.</summary>
    public string Product { get; init; } = "Kpm";

    /// <summary>The SMTP server; empty to write files.</summary>
    public string SmtpHost { get; init; } = "";

    public int SmtpPort { get; init; } = 587;

    /// <summary>starttls (the default), tls (from the first byte), or none (for a relay on this machine).</summary>
    public string SmtpSecurity { get; init; } = "starttls";

    public string SmtpUser { get; init; } = "";

    /// <summary>The password is read from a file, so that it stands in no command line and no environment.</summary>
    public string SmtpPasswordFile { get; init; } = "";

    /// <summary>A PEM file with the certificate authority of the server's certificate, where the system does not know it.</summary>
    public string SmtpCertificateAuthority { get; init; } = "";

    public void Validate()
    {
        if (!EmailAddress.TryParse(From, out _))
        {
            throw new StartException($"Kpm:Mail:From \"{From}\" is not an e-mail address.");
        }

        if (FromName.Any(char.IsControl))
        {
            throw new StartException("Kpm:Mail:FromName holds a control character.");
        }

        if (Product.Length == 0 || Product.Any(char.IsControl))
        {
            throw new StartException("Kpm:Mail:Product is empty or holds a control character.");
        }

        if (SmtpPort is < 1 or > 65535)
        {
            throw new StartException($"Kpm:Mail:SmtpPort is {SmtpPort}; it must be 1 to 65535.");
        }

        if (SmtpSecurity is not ("starttls" or "tls" or "none"))
        {
            throw new StartException($"Kpm:Mail:SmtpSecurity is \"{SmtpSecurity}\"; it must be starttls, tls or none.");
        }

        if (SmtpUser.Length > 0 && !File.Exists(SmtpPasswordFile))
        {
            throw new StartException($"Kpm:Mail:SmtpPasswordFile \"{SmtpPasswordFile}\" does not exist; it holds the password of SmtpUser.");
        }

        if (SmtpCertificateAuthority.Length > 0 && !File.Exists(SmtpCertificateAuthority))
        {
            throw new StartException($"Kpm:Mail:SmtpCertificateAuthority \"{SmtpCertificateAuthority}\" does not exist.");
        }

        if (SmtpUser.Length > 0 && SmtpSecurity == "none")
        {
            throw new StartException("Kpm:Mail:SmtpSecurity is none, but SmtpUser is set: the password would go over the wire in clear text.");
        }
    }
}
