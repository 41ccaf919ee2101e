using System.Security.Cryptography;
using Kpm.Server.Messaging;
using QRCoder;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>A new secret as an authenticator app takes it: typed, as a link, or as a picture.</summary>
internal sealed record AuthenticatorSetup(byte[] Secret, string Base32, string Uri, byte[] QrPng)
{
    /// <summary>160 bits, as RFC 4226 recommends for SHA-1.</summary>
    public const int SecretBytes = 20;

    private const int PixelsPerModule = 6;

    /// <summary>The form that Google Authenticator documents and the others follow: SHA-1, six digits and 30 seconds are its defaults.</summary>
    public static AuthenticatorSetup New(string email, MailOptions options)
    {
        var secret = RandomNumberGenerator.GetBytes(SecretBytes);
        var base32 = SimpleBase.Base32.Rfc4648.Encode(secret, padding: false);
        var issuer = System.Uri.EscapeDataString(options.Product);
        var uri = $"otpauth://totp/{issuer}:{System.Uri.EscapeDataString(email)}?secret={base32}&issuer={issuer}&algorithm=SHA1&digits={OneTimePasswords.Digits}&period={OneTimePasswords.StepSeconds}";
        using var generator = new QRCodeGenerator();
        using var code = generator.CreateQrCode(uri, QRCodeGenerator.ECCLevel.M);
        using var png = new PngByteQRCode(code);
        return new AuthenticatorSetup(secret, base32, uri, png.GetGraphic(PixelsPerModule));
    }
}
