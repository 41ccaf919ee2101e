namespace Kpm.Server.Vaults;

/// <summary>The session ended, or its device was revoked, before the Push could be stored.</summary>
internal sealed class SessionEndedException() : Exception("The session has ended.");
