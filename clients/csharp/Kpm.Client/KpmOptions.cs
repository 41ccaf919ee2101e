using Kpm.V1;

namespace Kpm.Client;

/// <summary>What a client is told by the program that uses it.</summary>
public sealed record KpmOptions
{
    /// <summary>The server, such as https://vault.example.com or http://127.0.0.1:5080.</summary>
    public required Uri Server { get; init; }

    /// <summary>The folder for this device's identity, session and encrypted copy of the vault; made with access for its user alone.</summary>
    public required string DataFolder { get; init; }

    /// <summary>What the person sees in the list of devices; 1 to 100 characters.</summary>
    public required string DeviceName { get; init; }

    /// <summary>The application's id in the server's catalogue.</summary>
    public required string ApplicationId { get; init; }

    /// <summary>The application's version; 1 to 32 characters.</summary>
    public required string ApplicationVersion { get; init; }

    /// <summary>The platform.</summary>
    public required Platform Platform { get; init; }

    /// <summary>
    /// The file of the key that the apps of this product family share on the device, made by the first one; the same for all
    /// apps of one user. Null for an app that neither offers its account to others nor asks for theirs.
    /// </summary>
    public string? SharedKeyFile { get; init; }

    /// <summary>PBKDF2 iterations of a new keyset; 600,000 to 10,000,000.</summary>
    public uint Iterations { get; init; } = Kpm1.MainPassword.DefaultIterations;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The most time that one unary call may take.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
