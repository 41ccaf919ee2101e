using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Rpc;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>First results of operators' calls with a request_id, for the units of the store of support.</summary>
internal static class SqliteOperatorRequests
{
    private const string FindSql = """
        SELECT content_hash AS ContentHash, response AS Response FROM operator_request WHERE operator_id = @operatorId AND rpc = @rpc AND request_id = @requestId
        """;

    private const string InsertSql = """
        INSERT INTO operator_request (operator_id, rpc, request_id, content_hash, response, made_at) VALUES (@operatorId, @rpc, @requestId, @contentHash, @response, @now)
        """;

    private const string SweepSql = """
        DELETE FROM operator_request
         WHERE (operator_id, rpc, request_id) IN (SELECT operator_id, rpc, request_id FROM operator_request WHERE made_at < @madeBefore LIMIT @most)
        """;

    /// <summary>The first response, or null for a new request; throws where the id was used with other content.</summary>
    public static byte[]? Find(SqliteConnection connection, RequestKey request)
    {
        var stored = connection.QuerySingleOrDefault<Stored>(FindSql, new { operatorId = request.SessionId.ToBytes(), rpc = request.Rpc, requestId = request.RequestId.ToBytes() });
        return stored is null ? null
            : CryptographicOperations.FixedTimeEquals(stored.ContentHash, request.ContentHash) ? stored.Response
            : throw Errors.Of(ErrorReason.RequestIdReused);
    }

    public static void Remember(SqliteConnection connection, RequestKey request, byte[] response, DateTimeOffset now) => connection.Execute(InsertSql, new
    {
        operatorId = request.SessionId.ToBytes(),
        rpc = request.Rpc,
        requestId = request.RequestId.ToBytes(),
        contentHash = request.ContentHash,
        response,
        now = now.ToStored(),
    });

    /// <summary>How many there were.</summary>
    public static int Sweep(SqliteConnection connection, DateTimeOffset madeBefore, int most) => connection.Execute(SweepSql, new { madeBefore = madeBefore.ToStored(), most });

    private sealed record Stored
    {
        public required byte[] ContentHash { get; init; }
        public required byte[] Response { get; init; }
    }
}
