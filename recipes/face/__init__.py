"""Recipe of face_model.npz: expression shapes of ICT-FaceKit carried over to Sonic's mean face."""
