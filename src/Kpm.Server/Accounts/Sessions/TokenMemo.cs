using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>
/// The access token that a connection's last call came with, and its hash: a device sends the same one with every call, and
/// to hash it again was a tenth of what a unary call cost the server (measured). It says nothing about the session, which is
/// looked up by the hash each time, and it goes with the connection.
/// </summary>
internal sealed class TokenMemo
{
    // Replaced as a whole: the calls of a connection run at the same time.
    private Known? _last;

    /// <summary>False for what can't be a token of this server.</summary>
    public bool TryHash(ReadOnlySpan<char> token, out TokenHash hash)
    {
        // Behind a proxy the token before may be somebody else's: how long it is compared must not tell how much of it was guessed.
        if (_last is { } last && CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(token), MemoryMarshal.AsBytes(last.Token.AsSpan())))
        {
            hash = last.Hash;
            return true;
        }

        if (!TokenHash.TryOf(token, out hash))
        {
            return false;
        }

        _last = new Known(token.ToString(), hash);
        return true;
    }

    private sealed record Known(string Token, TokenHash Hash);
}

internal static class TokenMemoExtensions
{
    /// <summary>Gives each connection of a listener a memo among its features.</summary>
    public static void UseTokenMemo(this IConnectionBuilder listener) => listener.Use(next => connection =>
    {
        connection.Features.Set(new TokenMemo());
        return next(connection);
    });
}
