using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Rpc;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>First results of calls with a request_id, for the units of the stores.</summary>
internal static class SqliteRequests
{
    private const string FindSql = """
        SELECT content_hash AS ContentHash, response AS Response FROM request WHERE session_id = @sessionId AND rpc = @rpc AND request_id = @requestId
        """;

    private const string InsertSql = """
        INSERT INTO request (session_id, rpc, request_id, content_hash, response, made_at) VALUES (@sessionId, @rpc, @requestId, @contentHash, @response, @now)
        """;

    /// <summary>The first response, or null for a new request; throws where the id was used with other content.</summary>
    public static byte[]? Find(SqliteConnection connection, RequestKey request)
    {
        var stored = connection.QuerySingleOrDefault<Stored>(FindSql, new { sessionId = request.SessionId.ToBytes(), rpc = request.Rpc, requestId = request.RequestId.ToBytes() });
        return stored is null ? null
            : CryptographicOperations.FixedTimeEquals(stored.ContentHash, request.ContentHash) ? stored.Response
            : throw Errors.Of(ErrorReason.RequestIdReused);
    }

    public static void Remember(SqliteConnection connection, RequestKey request, byte[] response, DateTimeOffset now) => connection.Execute(InsertSql, new
    {
        sessionId = request.SessionId.ToBytes(),
        rpc = request.Rpc,
        requestId = request.RequestId.ToBytes(),
        contentHash = request.ContentHash,
        response,
        now = now.ToStored(),
    });

    private sealed record Stored
    {
        public required byte[] ContentHash { get; init; }
        public required byte[] Response { get; init; }
    }
}
