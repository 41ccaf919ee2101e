using System.Text.Json.Nodes;
using Kpm.Client.Kpm1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

internal static class DirectoryVectors
{
    public static VectorFile Make(StickySigner signer)
    {
        var file = new VectorFile("directory", "Device directory entries under directory_key. approver_signing_key is the approver's key in the directory. Expected are layout, approval and MAC alone, not the place in the log (chain.json). A flip is applied to the entry of the first positive.");
        using var keys = VaultKeys.Create(Bytes("directory account key", 32), Bytes("directory vault key", 32));
        using var first = SigningKey("device 1");
        using var agreement = AgreementKey("device 1");
        var root = new DirectoryEntry
        {
            Enrolment = Enrolment.Root,
            Account = Id("account"),
            Vault = Id("account"),
            Device = Id("device 1"),
            KeyEpoch = 1,
            SigningKey = P256.PublicKey(first),
            AgreementKey = P256.PublicKey(agreement),
        };
        using var second = SigningKey("device 2");
        using var secondAgreement = AgreementKey("device 2");
        var keyed = root with { Enrolment = Enrolment.Keyed, Device = Id("device 2"), SigningKey = P256.PublicKey(second), AgreementKey = P256.PublicKey(secondAgreement) };
        using var third = SigningKey("device 3");
        using var thirdAgreement = AgreementKey("device 3");
        var unapproved = keyed with { Enrolment = Enrolment.Approved, Device = Id("device 3"), SigningKey = P256.PublicKey(third), AgreementKey = P256.PublicKey(thirdAgreement), Approver = root.Device };
        var approved = unapproved with { Approval = signer.Sign(first, unapproved.ToApprove()) };
        Add(file, "root", root, keys, null);
        Add(file, "keyed", keyed, keys, null);
        Add(file, "approved", approved, keys, P256.PublicKey(first));

        for (var offset = 0; offset < DirectoryEntry.Size; offset++)
        {
            var error = offset switch
            {
                < 5 => Kpm1Error.StructureInvalid,
                5 => Kpm1Error.SuiteUnknown,
                6 or 7 => Kpm1Error.StructureInvalid,               // enrolment 1 becomes 0; the zero byte
                >= 8 and < 56 => Kpm1Error.DirectoryMacInvalid,
                >= 56 and < 59 => Kpm1Error.KeyEpochUnknown,
                59 => Kpm1Error.StructureInvalid,                   // epoch 1 becomes 0
                < 190 => Kpm1Error.StructureInvalid,                // a key that is no point
                < 270 => Kpm1Error.StructureInvalid,                // zero where not APPROVED
                _ => Kpm1Error.DirectoryMacInvalid,
            };
            file.Refuse($"byte {offset} flipped", error, VectorFile.Flip(offset));
        }

        AddOthers(file, root, keyed, approved, keys, signer);
        return file;
    }

    private static void AddOthers(VectorFile file, DirectoryEntry root, DirectoryEntry keyed, DirectoryEntry approved, VaultKeys keys, StickySigner signer)
    {
        using var first = SigningKey("device 1");
        using var second = SigningKey("device 2");
        void Refuse(string name, Kpm1Error error, byte[] entry, byte[]? approver = null) => file.Refuse(name, error, Describe(entry, keys, approver));

        var bytes = root.ToBytes(keys);
        Refuse("empty", Kpm1Error.StructureInvalid, []);
        Refuse("one byte short", Kpm1Error.StructureInvalid, bytes[..^1]);
        Refuse("one byte long", Kpm1Error.StructureInvalid, [.. bytes, 0]);
        Refuse("enrolment 4", Kpm1Error.StructureInvalid, [.. bytes[..6], 4, .. bytes[7..]]);
        Refuse("keyed with an approver", Kpm1Error.StructureInvalid, (keyed with { Approver = root.Device }).ToBytes(keys));
        Refuse("keyed with an approval", Kpm1Error.StructureInvalid, (keyed with { Approval = approved.Approval }).ToBytes(keys));
        Refuse("keyed turned into root", Kpm1Error.DirectoryMacInvalid, [.. keyed.ToBytes(keys)[..6], 1, .. keyed.ToBytes(keys)[7..]]);
        using var other = VaultKeys.Create(Bytes("another account key", 32), Bytes("directory vault key", 32));
        Refuse("MAC of someone without AK", Kpm1Error.DirectoryMacInvalid, keyed.ToBytes(other));
        Refuse("MAC under another epoch", Kpm1Error.KeyEpochUnknown, [.. bytes[..56], 0, 0, 0, 9, .. bytes[60..]]);
        Refuse("approval by another device", Kpm1Error.ApprovalInvalid, approved.ToBytes(keys), P256.PublicKey(second));
        Refuse("approval of another device", Kpm1Error.ApprovalInvalid, (approved with { Device = Id("device 4") }).ToBytes(keys), P256.PublicKey(first));
        Refuse("approval of another key", Kpm1Error.ApprovalInvalid, (approved with { SigningKey = P256.PublicKey(second) }).ToBytes(keys), P256.PublicKey(first));
        Refuse("approval in another account", Kpm1Error.ApprovalInvalid, (approved with { Account = Id("another account") }).ToBytes(keys), P256.PublicKey(first));
        Refuse("no approval", Kpm1Error.ApprovalInvalid, (approved with { Approval = new byte[64] }).ToBytes(keys), P256.PublicKey(first));
        Refuse("approval over the MAC as well", Kpm1Error.ApprovalInvalid, (approved with { Approval = signer.Sign(first, approved.ToBytes(keys)) }).ToBytes(keys), P256.PublicKey(first));
    }

    private static void Add(VectorFile file, string name, DirectoryEntry entry, VaultKeys keys, byte[]? approver)
    {
        var vector = new JsonObject
        {
            ["name"] = name,
            ["enrolment"] = (int)entry.Enrolment,
            ["account"] = entry.Account.ToString("D"),
            ["vault"] = entry.Vault.ToString("D"),
            ["device"] = entry.Device.ToString("D"),
            ["signing_key"] = Hex(entry.SigningKey.Span),
            ["ecdh_key"] = Hex(entry.AgreementKey.Span),
            ["approver"] = entry.Approver.ToString("D"),
            ["approval"] = Hex(entry.Approval.Span),
            ["to_approve"] = Hex(entry.ToApprove()),
        };
        foreach (var (key, value) in Describe(entry.ToBytes(keys), keys, approver))
        {
            vector[key] = value?.DeepClone();
        }

        file.Positive.Add(vector);
    }

    private static JsonObject Describe(byte[] entry, VaultKeys keys, byte[]? approver)
    {
        var vector = new JsonObject { ["key_epoch"] = 1, ["directory_key"] = Hex(keys.Account.DirectoryKey), ["entry"] = Hex(entry) };
        if (approver is not null)
        {
            vector["approver_signing_key"] = Hex(approver);
        }

        return vector;
    }
}
