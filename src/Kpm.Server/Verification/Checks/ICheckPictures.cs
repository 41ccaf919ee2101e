namespace Kpm.Server.Verification.Checks;

/// <summary>Characters to read, and the picture of them.</summary>
internal interface ICheckPictures
{
    /// <summary>Random characters of an alphabet without look-alikes.</summary>
    string NewCharacters();

    /// <summary>A PNG of the characters; another one each time.</summary>
    byte[] Draw(string characters);
}
